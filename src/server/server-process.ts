// The process that is the server: in the background (`start`), or in the terminal (`foreground`).
import { paintFor } from '../control/colours.ts'
import { errorBody } from '../control/reply.ts'
import { exitNow } from '../os/exit-now.ts'
import { requirePlatform } from '../os/libc.ts'
import { redirectOutput } from '../os/redirect-output.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { type ForegroundView, openForegroundView } from './foreground-view.ts'
import { reportStart } from './handover.ts'
import { openServerProcess, serverLogPath } from './open-server.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import type { LiveServer } from './running-server.ts'
import type { ServerOptions } from './server-options.ts'
import { ServerSignals } from './server-signals.ts'

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
  let server: LiveServer<Config>
  try {
    server = await openServerProcess(options, {
      program,
      environment,
      onOpen({ spec }) {
        redirectOutput(serverLogPath(spec))
        if (options.pidFile !== undefined) writePidFile(options.pidFile)
      },
    })
  } catch (error) {
    reportStart({ error: errorBody(error) })
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
  const paint = paintFor(process.stdout.isTTY === true, false, environment)
  const opened: { view?: ForegroundView } = {}
  const server = await openServerProcess(options, {
    program,
    environment,
    onOpen({ engine }) {
      opened.view = openForegroundView(engine, paint, options.quiet === true, null)
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

function prepareProcess({ signals: choice = 'holdfast' }: Pick<ServerOptions, 'signals'>): ServerSignals {
  const signals = new ServerSignals(choice)
  requirePlatform()
  startThreadPool()
  return signals
}

async function untilItsEnd<Config>(server: LiveServer<Config>, { pidFile }: ServerOptions<Config>): Promise<number> {
  const code = await server.ended
  if (pidFile !== undefined) removePidFile(pidFile)
  server.hooks.call('afterRun', server)
  return code
}
