// HTTP requests per second of two workers on one socket: those of a service, and those of a library server.
import type { StatusReport } from '../../src/supervisor/status-report.ts'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import {
  type Contestant,
  type HttpServer,
  helloCommand,
  httpContest,
  plainContestant,
  portOf,
} from '../http-contest.ts'
import { LibraryServer } from '../library-server.ts'
import type { Section } from '../section.ts'

const SOCKETS = { http: 'tcp://127.0.0.1:0' }

export function measureThroughput(run: BenchRun): Promise<Section> {
  const start = async (round: number): Promise<HttpServer> => {
    const web = { command: helloCommand(run, 'holdfast'), instances: 2, sockets: ['http'], ready: 'notify' }
    const holdfast = new Holdfast(run, `throughput-${round}`, { sockets: SOCKETS, services: { web } })
    return httpServer(await (await holdfast.up()).status())
  }
  return httpContest(run, 'HTTP throughput', [{ name: 'holdfast, 2 workers', start }, ...others(run)])
}

export function measureLibraryThroughput(run: BenchRun): Promise<Section> {
  const start = async (round: number): Promise<HttpServer> => {
    const server = new LibraryServer(run, `library-http-${round}`, { act: 'hello', workers: 2, sockets: SOCKETS })
    return httpServer(await (await server.start()).status())
  }
  return httpContest(run, 'library: HTTP throughput', [{ name: 'library, 2 workers', start }, ...others(run)])
}

function others(run: BenchRun): [Contestant, Contestant] {
  return [plainContestant(run, 'cluster'), plainContestant(run, 'bare')]
}

function httpServer({ supervisor, sockets, services }: StatusReport): HttpServer {
  const pids = services.flatMap(({ workers }) => workers.flatMap(({ pid }) => (pid === null ? [] : [pid])))
  return { port: portOf(sockets[0]?.listen ?? ''), pids: [supervisor.pid, ...pids] }
}
