// The runners under test, and the same little application in each language.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { Driver, type DriverOptions } from './driver/driver.ts'
import { perlSources } from './sources/perl.ts'
import { pythonSources } from './sources/python.ts'
import { rubySources } from './sources/ruby.ts'
import type { Sources } from './sources/sources.ts'

const runners = join(import.meta.dirname, '../../src/forkserver')

export interface Language {
  readonly name: 'python' | 'perl' | 'ruby'
  readonly runner: readonly string[]
  readonly extension: string
  /** A function of the preloaded application, as an entry. */
  call(name: string, directory?: string): string
  readonly sources: Sources
  /** What an error that nobody caught makes of the exit code. */
  readonly raised: number
}

export const languages: readonly Language[] = [
  {
    name: 'python',
    runner: ['python3', join(runners, 'python/holdfast_fork.py')],
    extension: 'py',
    call: (name, directory = '') => `${directory}app.py:${name}`,
    sources: pythonSources,
    raised: 1,
  },
  {
    name: 'perl',
    runner: ['perl', join(runners, 'perl/holdfast-fork.pl')],
    extension: 'pl',
    call: (name) => `App::${name}`,
    sources: perlSources,
    raised: 255,
  },
  {
    name: 'ruby',
    runner: ['ruby', join(runners, 'ruby/holdfast_fork.rb')],
    extension: 'rb',
    call: (name, directory = '') => `${directory}app.rb:${name}`,
    sources: rubySources,
    raised: 1,
  },
]

/** Runs the suite for each language, or for one. One that is not installed here is named as skipped. */
export function forEachLanguage(topic: string, suite: (language: Language) => void, only?: Language['name']): void {
  for (const language of languages.filter(({ name }) => name === (only ?? name))) {
    const [runtime = ''] = language.runner
    const missing = spawnSync(runtime, ['-v'], { stdio: 'ignore' }).status !== 0
    describe.skipIf(missing)(`${language.name}: ${topic}${missing ? ` (SKIPPED: no ${runtime} here)` : ''}`, () =>
      suite(language),
    )
  }
}

/** What the application's `report` writes. */
export interface Report {
  readonly pid: number
  readonly ppid: number
  readonly env: Record<string, string>
  readonly argv: readonly string[]
  /** Pid of the process that loaded the application. */
  readonly loadedBy: number
}

/** A directory with the application in one language. */
export class ForkScene {
  readonly directory = mkdtempSync(join(tmpdir(), 'holdfast-fork-app-'))
  readonly #drivers: Driver[] = []
  readonly language: Language

  constructor(language: Language) {
    this.language = language
    for (const [name, text] of Object.entries(language.sources)) this.write(`${name}.${language.extension}`, text)
    mkdirSync(this.path('sub'))
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text)
    return this.path(name)
  }

  remove(path: string): void {
    rmSync(path)
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8')
  }

  /** The file of the application or of another program. */
  file(name: string): string {
    return `./${name}.${this.language.extension}`
  }

  /** A forkserver that loads `preloads`, the application if left out. */
  forkserver({ preloads = ['app'], args = [], prefix = [], ...options }: ForkserverOptions = {}): Driver {
    const driver = new Driver({
      command: [
        ...prefix,
        ...this.language.runner,
        ...preloads.flatMap((name) => ['--preload', this.file(name)]),
        ...args,
      ],
      cwd: this.directory,
      ...options,
    })
    this.#drivers.push(driver)
    return driver
  }

  /** Starts the entry that reports. @returns its report; it runs on */
  async report(driver: Driver, start: Record<string, unknown> = {}): Promise<Report> {
    const file = this.path(`report-${Math.random()}`)
    const { env, ...rest } = start
    const entry = this.language.call('report')
    const pid = await driver.start({ entry, env: { ...(env as object), REPORT: file }, ...rest })
    return driver.until(`report of ${pid}`, () => {
      try {
        return JSON.parse(readFileSync(file, 'utf8')) as Report
      } catch {
        return undefined
      }
    })
  }

  async end(): Promise<void> {
    await Promise.all(this.#drivers.splice(0).map((driver) => driver.end()))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export interface ForkserverOptions extends Partial<DriverOptions> {
  readonly preloads?: readonly string[]
  /** A command that executes the rest. */
  readonly prefix?: readonly string[]
  /** For the runner. */
  readonly args?: readonly string[]
}
