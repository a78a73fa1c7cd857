// The supervisor in the background, as `up --detach` starts it.
import { errorBody } from '../control/reply.ts'
import { requirePlatform } from '../os/libc.ts'
import { redirectOutput } from '../os/redirect-output.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { readHandover, reportStart } from '../server/handover.ts'
import { compileLittle } from '../server/late-compilation.ts'
import { openSupervisor, ownLogPath, type RunningSupervisor } from '../server/running-supervisor.ts'
import { holdSignals, ignoreInspectorSignal, installSignals } from '../server/supervisor-signals.ts'
import type { Context } from './context.ts'

/** Its stdout and stderr are holdfast.log; what has no other place ends up there. */
export async function supervise({ environment: own, uid }: Context): Promise<number> {
  const environment = { ...own }
  ignoreInspectorSignal()
  warmUp()
  const handover = readHandover()
  // Whoever started us has found the config wrong, or is gone.
  if (handover === null) return 1
  const { spec, clean } = handover
  let running: RunningSupervisor
  const held = holdSignals()
  const compileAgain = compileLittle()
  try {
    redirectOutput(ownLogPath(spec))
    running = await openSupervisor(spec, { environment, uid, clean })
  } catch (error) {
    reportStart({ error: errorBody(error) })
    throw error
  }
  void running.engine.settled().then(compileAgain, compileAgain)
  installSignals(held, running, running.log)
  reportStart({ up: true })
  return running.ended
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
