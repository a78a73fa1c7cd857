import type { WaitStatus } from '../os/reap.ts'
import { InProcessLauncher } from './in-process-launcher.ts'
import { inheritedEnvironment } from './process-environment.ts'
import { type LauncherContext, ProcessLauncher } from './process-launcher.ts'
import type { RunningProcess } from './service-runtime.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

export interface AnyLauncherContext extends LauncherContext {
  /** For workers that the reaper does not know. */
  readonly onEnded: (process: RunningProcess, status: WaitStatus) => void
}

/** Of processes, unless the host's workers are none. */
export function newLauncher(context: AnyLauncherContext): WorkerLauncher {
  const { host } = context
  const { workers } = host
  if (!workers?.inProcess) return new ProcessLauncher(context)
  const inherited = inheritedEnvironment(host.environment)
  return new InProcessLauncher({ ...context, runner: workers.inProcess, workers, inherited })
}
