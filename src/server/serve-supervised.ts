// The process that is a server below a supervisor.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { lockHolder } from '../os/file-lock.ts'
import { redirectOutput } from '../os/redirect-output.ts'
import { removeTree } from '../os/remove-tree.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { removeDeadFastDirectories } from '../supervisor/fast-directory.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import { AskedByFile } from './asked-by-file.ts'
import { endEndlessHooks, tellSupervisor } from './endless-hook.ts'
import type { LiveServer } from './live-server.ts'
import { serverLogPath } from './open-server.ts'
import { failureText } from './outcome-text.ts'
import { Predecessors } from './predecessors.ts'
import { beatForSupervisor } from './server-heartbeat.ts'
import type { ServerOptions } from './server-options.ts'
import { openQuickly, prepareProcess, type ServerProcessOptions, untilItsEnd } from './server-process.ts'
import { signalsWith } from './signal-maps.ts'
import {
  askDown,
  askLiveRestart,
  endWorkersOfDeadServers,
  placeBelow,
  removeDeadPlaces,
  sayReady,
} from './supervised-server.ts'
import type { Above } from './tier.ts'
import { showTitle, titleOf } from './titles.ts'

/**
 * The supervisor hears that the server is ready when all of its workers are. One whose workers do not come up ends, and the
 * supervisor decides what follows.
 */
export async function serveSupervised<Config>(
  options: ServerOptions<Config>,
  { program, environment, above: { directory: above, secret } }: ServerProcessOptions & { readonly above: Above },
): Promise<number> {
  const { pidFile: _ofTheSupervisor, ...own } = options
  const signals = prepareProcess(options)
  const title = titleOf('server', options, Number(environment[VARIABLES.slot]))
  const showMain = showTitle(title, environment[VARIABLES.role] === 'standby' ? 'standby' : 'main')
  const { runtimeDir } = placeBelow(above, process.pid)
  const { socket: _, ...control } = options.control ?? {}
  const predecessors = new Predecessors(above, secret)
  const placed = { ...own, runtimeDir, control }
  const onHook = endEndlessHooks(tellSupervisor(environment))
  const server = await openQuickly(placed, { program, environment, onHook, handover: { predecessors, secret } })
  if (options.orphans === 'stay') removeDeadPlaces(above)
  else void endWorkersOfDeadServers(above, (text) => server.log(text))
  server.liveRestart = () => askLiveRestart(server.name, above)
  server.role.onMain(showMain)
  const files = new AskedByFile(server, options)
  takeDetaches(server, options, above)
  server.role.listen(environment, (line) => server.engine.tell(server.name, line))
  signals.release(server, (text) => server.log(text))
  const { ok, services, goingDown } = await server.settled()
  if (ok) {
    beatForSupervisor(environment)
    sayReady(environment)
    server.endAbove = () => askDown(above)
  } else if (!goingDown) {
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
  files.ended()
  return code
}

function takeDetaches<Config>(
  server: LiveServer<Config>,
  { serverProcess, signals }: ServerOptions<Config>,
  above: string,
): void {
  const { enableDetach = true, exitOnDetach = false } = serverProcess ?? {}
  if (!enableDetach) return
  if (!exitOnDetach) {
    server.detach = server.liveRestart
    return
  }
  // Nobody may read what we say once the supervisor is gone, and a full pipe would hold us.
  server.onStop = () => redirectOutput(serverLogPath(server.spec))
  const [signal] = signalsWith('detach', signals)
  server.detach = async (): Promise<OperationOutcome> => {
    const supervisor = lockHolder(join(above, 'lock'))
    if (signal !== undefined && supervisor !== null) process.kill(supervisor, signal)
    else void server.stop()
    return { ok: true, services: [] }
  }
}
