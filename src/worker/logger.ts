import { builtins } from './builtins.ts'
import type { WorkerLogger } from './worker.ts'

/** The supervisor adds time, worker and stream to each line, so the line itself carries none. */
export function createLogger(): WorkerLogger {
  const line = (values: readonly unknown[]): string => `${builtins.util().format(...values)}\n`
  return {
    info: (...values) => void process.stdout.write(line(values)),
    warn: (...values) => void process.stderr.write(line(values)),
    error: (...values) => void process.stderr.write(line(values)),
  }
}
