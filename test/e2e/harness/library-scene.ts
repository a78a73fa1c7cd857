// A program that is its own server, in a scene.
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { StatusReport } from '../../../src/supervisor/status-report.ts'
import { CLI, PROGRAMS, type RunOptions, type RunResult, Scene } from './scene.ts'

export class LibraryScene extends Scene {
  readonly program: string

  constructor(program = 'shop.mjs') {
    super()
    this.program = join(PROGRAMS, 'library', program)
    this.options({})
    this.setConfig({ greeting: 'hello' })
  }

  /** What the program gives to `defineServer` beside its own. */
  options(options: Record<string, unknown>): void {
    this.write('options.json', JSON.stringify(options))
  }

  /** What its `config` returns. */
  setConfig(config: Record<string, unknown>): void {
    this.write('config.json', JSON.stringify(config))
  }

  command(...words: string[]): Promise<RunResult> {
    return this.commandWith({}, ...words)
  }

  commandWith(options: RunOptions, ...words: string[]): Promise<RunResult> {
    return this.runFile(process.execPath, [this.program, ...words], options)
  }

  /** What its hooks have said so far. */
  get notes(): string[] {
    return this.read('notes.txt').trimEnd().split('\n')
  }

  get serverPid(): number {
    return Number(this.read('shop.pid'))
  }

  /** `start`, which must succeed. */
  override async up(): Promise<RunResult> {
    const result = await this.command('start')
    expect(result.code, result.all).toBe(0)
    return result
  }

  override down(): Promise<RunResult> {
    return this.command('stop')
  }

  override async close(): Promise<void> {
    if (this.isUp()) await this.down().catch(() => {})
    await super.close()
  }

  override isUp(): boolean {
    return this.exists('run/holdfast.sock')
  }

  override async status(): Promise<StatusReport> {
    const { out } = await this.runFile(process.execPath, [
      CLI,
      '--socket',
      this.path('run/holdfast.sock'),
      'status',
      '--json',
    ])
    return JSON.parse(out)
  }
}

/** Closed, and checked, when the test is over. */
export function newLibraryScene(program?: string): LibraryScene {
  const scene = new LibraryScene(program)
  onTestFinished(() => scene.close(), 30_000)
  return scene
}

/** A program that was started with these options. */
export async function startedLibraryScene(options: object, program?: string): Promise<LibraryScene> {
  const scene = newLibraryScene(program)
  scene.options({ ...options })
  await scene.up()
  return scene
}
