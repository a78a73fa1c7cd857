// Waits for a worker to be ready, in the way its service says. Notify messages and IPC arrive by themselves.
import type { AuxiliaryCommands } from './auxiliary-command.ts'
import { startProbe } from './probe.ts'
import type { RunningProcess } from './service-runtime.ts'

/** @returns the cancellation */
export function watchReadiness(
  process: RunningProcess,
  auxiliary: AuxiliaryCommands,
  environment: Readonly<Record<string, string>>,
  onReady: () => void,
): () => void {
  const { spec, lane } = process
  switch (spec.ready.by) {
    case 'tcp':
    case 'http':
    case 'exec':
      return startProbe(
        spec.ready,
        (command, timeout, onEnd) => auxiliary.run(spec, command, environment, timeout, ({ ok }) => onEnd(ok)),
        onReady,
      )
    case 'log': {
      const pattern = new RegExp(spec.ready.pattern)
      return lane.onLine((line) => {
        if (pattern.test(line)) onReady()
      })
    }
    default:
      return () => {}
  }
}
