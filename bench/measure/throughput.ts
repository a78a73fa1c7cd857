// HTTP requests per second of two workers on one socket: those of a service, and those of a library server.
import type { StatusReport } from '../../src/supervisor/status-report.ts'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { type HttpServer, helloCommand, httpContest, portOf, startPlain } from '../http-contest.ts'
import { LibraryServer } from '../library-server.ts'
import type { Section } from '../section.ts'

const SOCKETS = { http: 'tcp://127.0.0.1:0' }

export async function measureThroughput(run: BenchRun): Promise<Section> {
  const holdfast = await new Holdfast(run, 'throughput', {
    sockets: SOCKETS,
    services: { web: { command: helloCommand(run, 'holdfast'), instances: 2, sockets: ['http'], ready: 'notify' } },
  }).up()
  const ours = httpServer('holdfast, 2 workers', await holdfast.status())
  return httpContest(run, 'HTTP throughput', [ours, await startPlain(run, 'cluster'), await startPlain(run, 'bare')])
}

export async function measureLibraryThroughput(run: BenchRun): Promise<Section> {
  const server = await new LibraryServer(run, 'library-http', { act: 'hello', workers: 2, sockets: SOCKETS }).start()
  const ours = httpServer('library, 2 workers', await server.status())
  const others = [await startPlain(run, 'cluster'), await startPlain(run, 'bare')] as const
  return httpContest(run, 'library: HTTP throughput', [ours, ...others])
}

function httpServer(name: string, { supervisor, sockets, services }: StatusReport): HttpServer {
  const pids = services.flatMap(({ workers }) => workers.flatMap(({ pid }) => (pid === null ? [] : [pid])))
  return { name, port: portOf(sockets[0]?.listen ?? ''), pids: [supervisor.pid, ...pids] }
}
