// The process that is the server: in the background (`start`), or in the terminal (`foreground`).
import { paintFor } from '../control/colours.ts'
import { errorBody } from '../control/reply.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { exitNow } from '../os/exit-now.ts'
import { requirePlatform } from '../os/libc.ts'
import { redirectOutput, redirectOutputTo } from '../os/redirect-output.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { endEndlessHooks } from './endless-hook.ts'
import { type ForegroundView, openForegroundView } from './foreground-view.ts'
import { reportHook, reportStart } from './handover.ts'
import { compileLittle } from './late-compilation.ts'
import type { LiveServer } from './live-server.ts'
import { openServerProcess, serverLogPath } from './open-server.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import { typedProgramCommand } from './program-command.ts'
import type { ServerOptions } from './server-options.ts'
import { ServerSignals } from './server-signals.ts'
import { showTitle, titleOf } from './titles.ts'

export interface ServerProcessOptions {
  readonly program: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Its stdout and stderr are its log. Whoever started it hears once how that came out. */
export async function serveInBackground<Config>(
  options: ServerOptions<Config>,
  { program, environment }: ServerProcessOptions,
): Promise<number> {
  const signals = prepareProcess(options)
  showTitle(titleOf('server', options, 0), 'main')
  let server: LiveServer<Config>
  let log: string | null = null
  try {
    server = await openQuickly(options, {
      program,
      environment,
      onHook: endEndlessHooks(reportHook),
      onLogOpen(fd) {
        if (log !== null) redirectOutputTo(fd, log)
      },
      onOpen({ spec }) {
        log = serverLogPath(spec)
        redirectOutput(log)
        if (options.pidFile !== undefined) writePidFile(options.pidFile)
      },
    })
  } catch (error) {
    reportStart({ error: errorBody(error) })
    // Whoever started it says so.
    if (error instanceof HoldfastError) return 1
    throw error
  }
  signals.release(server, (text) => server.log(text))
  reportStart({ up: true })
  return untilItsEnd(server, options)
}

/** With everything that happens and that the workers say on the terminal. Ctrl-C stops everything. */
export async function serveInForeground<Config>(
  options: ServerOptions<Config>,
  { program, environment }: ServerProcessOptions,
): Promise<number> {
  const signals = prepareProcess(options)
  showTitle(titleOf('server', options, 0), 'main')
  const paint = paintFor(process.stdout.isTTY === true, false, environment)
  const opened: { view?: ForegroundView } = {}
  const server = await openServerProcess(options, {
    program,
    environment,
    // Ctrl-C would not end it either.
    onHook: endEndlessHooks(() => {}),
    onOpen({ engine }) {
      opened.view = openForegroundView(engine, paint, {
        quiet: options.quiet === true,
        who: `server "${options.name}"`,
        statusCommand: typedProgramCommand(program, 'status'),
      })
      if (options.pidFile !== undefined) writePidFile(options.pidFile)
    },
    onEvent: (entry) => opened.view?.event(entry),
  })
  signals.release(server, (text) => {
    opened.view?.say(text)
    server.log(text)
  })
  const code = await untilItsEnd(server, options)
  opened.view?.say(code === 0 ? 'everything is stopped' : `stopped, exit code ${code}`)
  await opened.view?.flush()
  return process.stdin.isTTY ? exitNow(code) : code
}

export function prepareProcess({ signals: choice = 'holdfast' }: Pick<ServerOptions, 'signals'>): ServerSignals {
  const signals = new ServerSignals(choice)
  requirePlatform()
  startThreadPool()
  return signals
}

/** V8's optimizing compiler waits until the workers are up: they need the cores. */
export async function openQuickly<Config>(
  ...given: Parameters<typeof openServerProcess<Config>>
): Promise<LiveServer<Config>> {
  const compileAgain = compileLittle()
  try {
    const server = await openServerProcess(...given)
    void server.settled().then(compileAgain, compileAgain)
    return server
  } catch (error) {
    compileAgain()
    throw error
  }
}

export async function untilItsEnd<Config>(
  server: LiveServer<Config>,
  { pidFile }: ServerOptions<Config>,
): Promise<number> {
  const code = await server.ended
  if (pidFile !== undefined) removePidFile(pidFile)
  server.closeLifeline()
  await server.hooks.afterRun()
  return code
}
