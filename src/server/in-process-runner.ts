// Which worker types are no processes, and who runs them.
import type { InProcessRunner } from '../supervisor/in-process-worker.ts'
import type { DeskPlace } from './ask-for-sockets.ts'
import { EmbeddedRunner } from './embedded-runner.ts'
import type { ServerOptions } from './server-options.ts'
import { ThreadRunner } from './thread-runner.ts'
import { threadProgram } from './worker-command.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/** Null: they are processes. */
export function inProcessRunner<Config>(
  options: ServerOptions<Config>,
  program: string,
  server: { readonly name: string; readonly config: () => unknown; readonly desk: DeskPlace },
): InProcessRunner | null {
  const { worker, workerType } = options
  switch (workerType) {
    case 'thread':
      return new ThreadRunner(threadProgram(options, program))
    case 'embedded':
      return new EmbeddedRunner({
        definition: worker as WorkerDefinition<never>,
        tier: () => ({
          is: 'worker',
          server: server.name,
          serverPid: process.pid,
          config: server.config(),
          title: null,
          orphans: 'stay',
          lifelineFd: null,
          desk: server.desk,
          dumpSignal: null,
        }),
      })
    default:
      return null
  }
}
