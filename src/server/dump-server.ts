// What CONT asks of a server in the manner of ServerEngine: its own stack, memory and state, and that of each worker, also of one
// that hangs.
import { type DumpTable, writeDump } from '../worker/process-dump.ts'
import { dumpProcess } from './dump-worker.ts'
import type { LiveServer } from './live-server.ts'
import { dumpThreads } from './thread-dump.ts'

/** @returns the file, or `stdout`, `stderr`: as `$SIGDUMP_PATH` says @throws Error of the file system */
export async function dumpServer(server: LiveServer<never>): Promise<string> {
  const workers = server.status().services.flatMap((service) => service.workers)
  const table: DumpTable = workers.map(({ id, state, ready, pid, generation, restarts, requests, rss }) => ({
    id,
    state,
    ready: ready ? 'yes' : 'no',
    pid,
    generation,
    restarts,
    requests,
    rss,
  }))
  const ofProcesses = Promise.all(
    workers.flatMap(({ id, pid, startTime }) => {
      if (pid === null || startTime === null) return []
      return [dumpProcess({ pid, startTime }, { stderrLines: server.debuggable ? linesOf(server, id) : undefined })]
    }),
  )
  const dumps = await Promise.all([ofProcesses, dumpThreads(server.threads)])
  return writeDump({ workers: table, others: dumps.flat() })
}

/** What a worker says on stderr, where its debugger tells its address. */
function linesOf({ engine, name }: LiveServer<never>, worker: string) {
  return (tell: (line: string) => void): (() => void) =>
    engine.onLine([name], (said) => {
      if (said.worker === worker && said.stream === 'err') tell(said.line)
    })
}
