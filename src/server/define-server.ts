// The library's face: a program becomes its own prefork server.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { forkStage } from './fork-stage.ts'
import type { ProgramCommand } from './program-command.ts'
import { isModule, programOfThisProcess } from './program-file.ts'
import type { RunningServer } from './running-server.ts'
import type { ServerOptions } from './server-options.ts'
import { withPathsFrom } from './server-paths.ts'
import { type Above, tierOfThisProcess } from './tier.ts'

/**
 * What `defineServer` returns.
 * @example
 * ```ts
 * import { defineServer } from 'holdfast'
 *
 * const shop = defineServer({ name: 'shop', worker: new URL('./shop-worker.mjs', import.meta.url) })
 * const mail = defineServer({ name: 'mail', worker: new URL('./mail-worker.mjs', import.meta.url) })
 * for (const server of [shop, mail]) process.exitCode ||= await server.command('start')
 * ```
 */
export interface Server<Config = unknown> {
  /** As given in the options. */
  readonly name: string
  /**
   * Carries out the command on the program's command line (`foreground` where there is none), and ends the process with its exit
   * code. In a process that is a worker of this server, runs the worker.
   * @param argv the command and its arguments, in place of what `process.argv` has from the third word on
   */
  run(argv?: readonly string[]): Promise<never>
  /**
   * As `run`, for one command, and returns its exit code: several servers may live in one program. What goes wrong is said on
   * stderr; it never throws. In a process that is this server in the background, or its worker, it does not return.
   * @param command underscores and leading dashes are accepted: `hard_restart`, `--status`
   * @returns 0 done; 1 failed; 2 bad usage or bad options; 3 not available; 4 no permission; 7 it does not run. `status`: 0 running,
   * 1 dead, 3 not running, 4 unknown
   */
  command(command: ProgramCommand | (string & {}), args?: readonly string[]): Promise<number>
  /**
   * The server as a guest in this process: no signals, no exit, no output. For tests, and programs that are more than a server.
   * @throws HoldfastError for options that can not be (`supervised` and `slots` among them); HF_HOOK_FAILED, with what was thrown
   * as `cause`, where `config`, `initialize` or `beforeRun` did
   */
  open(): Promise<RunningServer<Config>>
}

/**
 * Makes a prefork server of this program. Nothing happens before `run`, `command` or `open`, which also say what is wrong with the
 * options.
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { defineServer } from 'holdfast'
 *
 * export const server = defineServer({
 *   name: 'shop',
 *   workers: 4,
 *   sockets: { http: 'tcp://0.0.0.0:8080' },
 *   config: () => ({ greeting: process.env.GREETING ?? 'hello' }),
 *   worker: {
 *     async run(ctx) {
 *       await ctx.listen('http', createServer((_, response) => response.end(`${ctx.config.greeting}\n`)))
 *     },
 *   },
 * })
 *
 * await server.run() // node shop.mjs start | stop | restart | status | …
 * ```
 */
export function defineServer<Config = unknown>(given: ServerOptions<Config>): Server<Config> {
  // Whatever was given: what is wrong with it is said by who is asked for something.
  const name = String((given as ServerOptions<Config> | undefined | null)?.name)
  const tier = tierOfThisProcess()
  const isInWorker = tier.is === 'worker' || tier.is === 'forkserver'

  const command = async (word: string | undefined, args: readonly string[]): Promise<number> => {
    if (isInWorker) return tier.server === name ? work() : 0
    if (tier.is === 'server') return tier.server === name ? serve(tier.above) : 0
    const { parseProgramCommand, Program, refuseUnplaceable, refuseWhatCanNotBe } = await import('./server-bundle.ts')
    const asked = parseProgramCommand(word)
    const program = programOfThisProcess()
    const environment = { ...process.env }
    if (NEED_THE_PLACE_ALONE.includes(asked)) refuseUnplaceable(given, program)
    else await refuseWhatCanNotBe(given, program, environment)
    return new Program(withPathsFrom(program, given), program, environment).command(asked, args)
  }

  const serve = async (above: Above | null): Promise<never> => {
    const { refuseWhatCanNotBe, serveInBackground, serveSupervised } = await import('./server-bundle.ts')
    const program = programOfThisProcess()
    const environment = { ...process.env }
    await refuseWhatCanNotBe(given, program, environment)
    const options = withPathsFrom(program, given)
    const ended =
      above === null
        ? serveInBackground(options, { program, environment })
        : serveSupervised(options, { program, environment, above })
    return process.exit(await ended)
  }

  const work = async (): Promise<never> => {
    const { worker: definition } = given
    if (definition === undefined || isModule(definition)) throw new Error(`server "${name}" has no worker here (bug)`)
    const stage = forkStage()
    if (stage !== null) {
      stage.take(definition)
      return new Promise(() => {})
    }
    if (tier.is !== 'worker') throw new Error(`server "${name}" has no worker here (bug)`)
    const [{ runWorker }, { worker }] = await Promise.all([import('./worker-program.ts'), import('../worker/index.ts')])
    return runWorker(definition, tier, worker)
  }

  const told = async (word: string | undefined, args: readonly string[]): Promise<number> => {
    try {
      return await command(word, args)
    } catch (error) {
      process.stderr.write(await textOf(error, name !== 'undefined' && isName(name) ? name : 'server'))
      // What follows `command` in the program is for whoever has typed it.
      if (tier.is !== 'program') process.exit(1)
      return exitCodeOf(error)
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
      // A worker of a server that was opened so comes here again.
      if (isInWorker && tier.server === name) return work()
      const { openGuestServer, refuseWhatCanNotBe } = await import('./server-bundle.ts')
      const program = programOfThisProcess()
      const environment = { ...process.env }
      await refuseWhatCanNotBe(given, program, environment)
      if (given.slots !== undefined || given.supervised) throw notForGuests()
      return openGuestServer(withPathsFrom(program, given), { program, environment })
    },
  }
}

/** Who looks at a server, or stops it, need not have mended the rest of its options first. */
const NEED_THE_PLACE_ALONE: readonly ProgramCommand[] = ['status', 'stop', 'help']

/** As init scripts have them (LSB 3.2): 2 usage, 4 no permission, 1 anything else. */
function exitCodeOf(error: unknown): number {
  if (!(error instanceof HoldfastError)) return 1
  return error.exit === 2 ? 2 : error.code === 'HF_PERMISSION' ? 4 : 1
}

function notForGuests(): HoldfastError {
  return new HoldfastError('HF_CONFIG_CONFLICT', {
    problem: 'a server that is opened in a program has no supervisor above it: supervised and slots are for start',
    mend: 'Leave them out, or use run() or command().',
  })
}

function isName(given: string): boolean {
  return /^[\w-]{1,63}$/.test(given)
}

async function textOf(error: unknown, name: string): Promise<string> {
  if (!(error instanceof HoldfastError)) return `${name}: ${error instanceof Error ? error.stack : String(error)}\n`
  const { programWords } = await import('./server-bundle.ts')
  const { message, hint } = programWords(error, process.argv[1] ?? '')
  if (error.code === 'HF_HOOK_FAILED') return `${name}: ${message}\n${error.detail.stack}  ${hint}\n`
  const { problems } = error.detail
  return `${name}: ${message}\n${problems === undefined ? '' : `${problems}\n`}${hint === '' ? '' : `  ${hint}\n`}`
}
