// The process that is the server: in the background (`start`), or in the terminal (`foreground`).
import { writeSync } from 'node:fs'
import { paintFor } from '../control/colours.ts'
import { errorBody } from '../control/reply.ts'
import { exitNow } from '../os/exit-now.ts'
import { requirePlatform } from '../os/libc.ts'
import { redirectOutput } from '../os/redirect-output.ts'
import { removeTree } from '../os/remove-tree.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { removeDeadFastDirectories } from '../supervisor/fast-directory.ts'
import { type ForegroundView, openForegroundView } from './foreground-view.ts'
import { reportStart } from './handover.ts'
import { compileLittle } from './late-compilation.ts'
import { openServerProcess, serverLogPath } from './open-server.ts'
import { failureText } from './outcome-text.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import { Predecessors } from './predecessors.ts'
import { typedProgramCommand } from './program-command.ts'
import type { LiveServer } from './running-server.ts'
import type { ServerOptions } from './server-options.ts'
import { ServerSignals } from './server-signals.ts'
import { askLiveRestart, placeBelow, removeDeadPlaces, sayReady } from './supervised-server.ts'
import type { Above } from './tier.ts'

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
    server = await openQuickly(options, {
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

/**
 * Below a supervisor, which hears that the server is ready when all of its workers are. One whose workers do not come up ends, and
 * the supervisor decides what follows.
 */
export async function serveSupervised<Config>(
  options: ServerOptions<Config>,
  { program, environment, above: { directory: above, secret } }: ServerProcessOptions & { readonly above: Above },
): Promise<number> {
  const { pidFile: _ofTheSupervisor, ...own } = options
  const signals = prepareProcess(options)
  removeDeadPlaces(above)
  const { runtimeDir } = placeBelow(above, process.pid)
  const { socket: _, ...control } = options.control ?? {}
  const predecessors = new Predecessors(above, secret)
  const placed = { ...own, runtimeDir, control }
  const server = await openQuickly(placed, { program, environment, handover: { predecessors, secret } })
  server.liveRestart = () => askLiveRestart(server.name, above)
  server.role.listen(environment, (line) => server.engine.tell(server.name, line))
  signals.release(server, (text) => server.log(text))
  const { ok, services, goingDown } = await server.settled()
  if (ok) sayReady(environment)
  else if (!goingDown) {
    for (const service of services)
      if (!service.ok)
        writeSync(
          2,
          failureText(service, 'start', (_colour, text) => text, null),
        )
    server.exitWith(1)
    void server.stop()
  }
  const code = await untilItsEnd(server, own)
  removeTree(runtimeDir)
  // Those of servers before us that were killed: their workers have ended since.
  removeDeadFastDirectories()
  return code
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

function prepareProcess({ signals: choice = 'holdfast' }: Pick<ServerOptions, 'signals'>): ServerSignals {
  const signals = new ServerSignals(choice)
  requirePlatform()
  startThreadPool()
  return signals
}

/** V8's optimizing compiler waits until the workers are up: they need the cores. */
async function openQuickly<Config>(
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

async function untilItsEnd<Config>(server: LiveServer<Config>, { pidFile }: ServerOptions<Config>): Promise<number> {
  const code = await server.ended
  if (pidFile !== undefined) removePidFile(pidFile)
  server.closeLifeline()
  await server.hooks.afterRun()
  return code
}
