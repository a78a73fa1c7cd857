// The library's face: a program becomes its own prefork server.
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerOptions } from './server-options.ts'
import { tierOfThisProcess } from './tier.ts'
import { isModule, programOfThisProcess } from './worker-command.ts'

export interface Server<Config = unknown> {
  readonly name: string
  /**
   * Carries out the command on the program's command line (`foreground` where there is none), and ends the process with its exit
   * code. In a process that is a worker of this server, runs the worker.
   */
  run(argv?: readonly string[]): Promise<never>
  /** As `run`, for one command, and returns its exit code: several servers may live in one program. */
  command(command: string, args?: readonly string[]): Promise<number>
  /** The server as a guest in this process: no signals, no exit, no output. For tests, and programs that are more than a server. */
  open(): Promise<RunningServer<Config>>
}

/** Nothing happens before `run`, `command` or `open`. */
export function defineServer<Config = unknown>(options: ServerOptions<Config>): Server<Config> {
  const { name } = options
  const tier = tierOfThisProcess()

  const command = async (word: string | undefined, args: readonly string[]): Promise<number> => {
    if (tier.is === 'worker') return tier.server === name ? work() : 0
    const program = programOfThisProcess()
    const environment = { ...process.env }
    if (tier.is === 'server') {
      if (tier.server !== name) return 0
      const { serveInBackground, serveSupervised } = await import('./server-bundle.ts')
      const { above } = tier
      const serve =
        above === null
          ? serveInBackground(options, { program, environment })
          : serveSupervised(options, { program, environment, above })
      process.exit(await serve)
    }
    const { parseProgramCommand, Program } = await import('./server-bundle.ts')
    return new Program(options, program, environment).command(parseProgramCommand(word), args)
  }

  const work = async (): Promise<never> => {
    const { worker: definition } = options
    if (definition === undefined || isModule(definition) || tier.is !== 'worker')
      throw new Error(`server "${name}" has no worker here (bug)`)
    const [{ runWorker }, { worker }] = await Promise.all([import('./worker-program.ts'), import('../worker/index.ts')])
    return runWorker(definition, tier, worker)
  }

  const told = async (word: string | undefined, args: readonly string[]): Promise<number> => {
    try {
      return await command(word, args)
    } catch (error) {
      process.stderr.write(await textOf(error, name))
      return error instanceof HoldfastError ? error.exit : 1
    }
  }

  return {
    name,
    async run(argv = process.argv.slice(2)) {
      const [word, ...args] = argv
      process.exit(await told(word, args))
    },
    command: (word, args = []) => told(word, args),
    async open() {
      const { openGuestServer } = await import('./server-bundle.ts')
      return openGuestServer(options, { program: programOfThisProcess(), environment: { ...process.env } })
    },
  }
}

async function textOf(error: unknown, name: string): Promise<string> {
  if (!(error instanceof HoldfastError)) return `${name}: ${error instanceof Error ? error.stack : String(error)}\n`
  const { problems } = error.detail
  const hint = error.hint === '' || problems !== undefined ? '' : `\n  ${error.hint}`
  return `${name}: ${error.message}${problems === undefined ? '' : `\n${problems}`}${hint}\n`
}
