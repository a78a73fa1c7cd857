// The supervisor in the background, as `up --detach` starts it.
import { errorBody } from '../control/reply.ts'
import { requirePlatform } from '../os/libc.ts'
import { redirectOutput, redirectOutputTo } from '../os/redirect-output.ts'
import { parseSignal } from '../os/signals.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { catchesSignal } from '../os/thread-states.ts'
import { type Handover, readHandover, reportStart } from '../server/handover.ts'
import { codeOfServers, hurriedServers } from '../server/hurried-servers.ts'
import { compileLittle } from '../server/late-compilation.ts'
import { removePidFile, writePidFile } from '../server/pid-file.ts'
import { openSupervisor, ownLogPath, type RunningSupervisor } from '../server/running-supervisor.ts'
import { removeDeadPlaces } from '../server/supervised-server.ts'
import { holdSignals, ignoreInspectorSignal, installSignals } from '../server/supervisor-signals.ts'
import { removeDeadFastDirectories } from '../supervisor/fast-directory.ts'
import type { Context } from './context.ts'

/** Its stdout and stderr are holdfast.log; what has no other place ends up there. */
export async function supervise({ environment: own, uid }: Context): Promise<number> {
  const environment = { ...own }
  ignoreInspectorSignal()
  warmUp()
  const handover = readHandover()
  // Whoever started us has found the config wrong, or is gone.
  if (handover === null) return 1
  const { spec, clean, library } = handover
  if (library?.title) process.title = library.title
  let running: RunningSupervisor
  let stopAsked: string | null = null
  const held = holdSignals()
  const compileAgain = compileLittle()
  try {
    const ownLog = library?.log ?? ownLogPath(spec)
    redirectOutput(ownLog)
    running = await openSupervisor(spec, {
      environment,
      uid,
      clean,
      ownLog,
      onLogOpen: (fd) => redirectOutputTo(fd, ownLog),
      pointers: library === undefined,
      onStop() {
        stopAsked ??= new Date().toISOString()
      },
      ...(library === undefined ? {} : { hurry: hurriedServers(library) }),
      onOpen() {
        if (library?.pidFile) writePidFile(library.pidFile)
      },
    })
  } catch (error) {
    reportStart({ error: errorBody(error) })
    throw error
  }
  void running.engine.settled().then(compileAgain, compileAgain)
  installSignals(held, running, running.log)
  if (library !== undefined) handSignalsOn(library, running)
  reportStart({ up: true })
  const code = await running.ended
  if (library === undefined) return code
  if (library.pidFile) removePidFile(library.pidFile)
  // What a server has left that was killed; the next one to start would remove it, if one came.
  removeDeadPlaces(spec.runtimeDir)
  removeDeadFastDirectories()
  const { unrecoverable = [] } = spec.services[library.forwards.to]?.restart ?? {}
  return code || codeOfServers(running.engine, unrecoverable, stopAsked)
}

/** The signals of its program mean something to the server, not to us. One that does not listen to it, or not yet, would end. */
function handSignalsOn(
  { forwards, letsGoAt, stopsAt, stopsNowAt, reopensAt }: NonNullable<Handover['library']>,
  { engine, log, letGo, stop, reopenLogs }: RunningSupervisor,
): void {
  for (const signal of letsGoAt) {
    process.removeAllListeners(signal)
    process.on(signal, () => void letGo(`${signal}: the supervisor ends, what runs finishes by itself`))
  }
  for (const signal of forwards.signals) {
    if (letsGoAt.includes(signal)) continue
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (reopensAt.includes(signal)) reopenLogs()
      const { number } = parseSignal(signal) ?? {}
      for (const { id, pid } of engine.status().services[0]?.workers ?? []) {
        if (number === undefined || pid === null || !catchesSignal(pid, number)) continue
        engine
          .operate({ verb: 'signal', signal, targets: [id] })
          .catch((error: Error) => log(`${signal}: not handed on: ${error.message}`))
      }
    })
  }
  const stopAt = (signals: readonly NodeJS.Signals[], immediate: boolean): void => {
    for (const signal of signals) {
      process.removeAllListeners(signal)
      process.on(signal, () => {
        log(`${signal}: stopping everything ${immediate ? 'at once' : '(again: hurry)'}`)
        void stop({ immediate })
      })
    }
  }
  stopAt(stopsAt, false)
  stopAt(stopsNowAt, true)
}

/** What every start needs, while the config is still being read in the other process: 45 ms. */
function warmUp(): void {
  process.getBuiltinModule('node:http')
  try {
    requirePlatform()
    startThreadPool()
  } catch {
    // The start itself says so again, to who waits for it.
  }
}
