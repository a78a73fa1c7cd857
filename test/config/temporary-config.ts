import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ServiceSpec, SupervisorSpec } from '../../src/config/effective.ts'
import { type LoadOptions, type LoadResult, loadConfig, type Problem } from '../../src/config/load.ts'

/** A directory that is gone when the test is over. Its name is part of no expectation. */
export function temporaryDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-config-')))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Writes files below a new directory and returns it. */
export function filesIn(files: Readonly<Record<string, string | Buffer>>): string {
  const directory = temporaryDirectory()
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  return directory
}

export interface Loading extends LoadOptions {
  readonly environment?: Readonly<Record<string, string>>
  /** Name of the main file. Default holdfast.yaml. */
  readonly as?: string
}

/** Loads a text, or a set of files whose main one is `as`. */
export async function load(
  content: string | Buffer | Readonly<Record<string, string | Buffer>>,
  { environment = {}, as = 'holdfast.yaml', ...options }: Loading = {},
): Promise<LoadResult & { directory: string }> {
  const directory = filesIn(typeof content === 'string' || Buffer.isBuffer(content) ? { [as]: content } : content)
  return { ...(await loadConfig(join(directory, as), environment, options)), directory }
}

export async function loadSpec(...args: Parameters<typeof load>): Promise<SupervisorSpec & { directory: string }> {
  const result = await load(...args)
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.problems, null, 1)}`)
  return { ...result.spec, directory: result.directory }
}

/** The service `web` of a config whose body is given. */
export async function loadWeb(body: string, options?: Loading): Promise<ServiceSpec> {
  const { services } = await loadSpec(`services:\n  web:\n${body.replace(/^/gm, '    ')}\n`, options)
  const web = services.web
  if (web === undefined) throw new Error('no service web')
  return web
}

export async function loadProblems(...args: Parameters<typeof load>): Promise<readonly Problem[]> {
  const result = await load(...args)
  if (result.ok) throw new Error('accepted')
  return result.problems
}

/** `12:5 services.web.command HF_CONFIG_TYPE` */
export function brief({ line, column, path, code }: Problem): string {
  return `${line}:${column} ${path} ${code}`
}
