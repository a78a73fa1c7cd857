// HTTP requests per second: two Holdfast workers on one socket, two workers of node's cluster, one bare process.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { activity, withChildren } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'
import { median, pairRatios } from '../statistics.ts'

const CONNECTIONS = 64
const KINDS = ['holdfast', 'cluster', 'bare'] as const
type Kind = (typeof KINDS)[number]
type Load = (port: number, seconds: number) => Promise<number>

interface Server {
  readonly port: number
  /** All that takes part in answering. */
  readonly pids: readonly number[]
}

interface Sample {
  readonly perSecond: number
  /** CPU time of the server for each request, in microseconds: what a busy machine distorts least. */
  readonly cpuMicros: number
}

export async function measureThroughput(run: BenchRun): Promise<Section> {
  const { quick, progress } = run
  const servers: Record<Kind, Server> = {
    holdfast: await startHoldfast(run),
    cluster: await startPlain(run, 'cluster'),
    bare: await startPlain(run, 'bare'),
  }
  const wrk = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'wrk'))
    .find(existsSync)
  const load = wrk === undefined ? ownLoad(run) : wrkLoad(run, wrk)
  for (const kind of KINDS) await sample(servers[kind], load, 1)

  const found: Record<Kind, Sample[]> = { holdfast: [], cluster: [], bare: [] }
  // How the connections fall to the two workers is luck, in each round anew: many rounds rather than long ones.
  const rounds = quick ? 3 : 9
  const seconds = quick ? 1 : 3
  for (let round = 0; round < rounds; round++) {
    progress(`throughput: round ${round + 1} of ${rounds}`)
    // Nobody always has the first turn.
    for (const kind of [...KINDS.slice(round % 3), ...KINDS.slice(0, round % 3)]) {
      found[kind].push(await sample(servers[kind], load, seconds))
    }
  }
  return section(found, `${rounds} rounds of ${seconds} s`, wrk ?? 'bench/c/http-clients.c (wrk is not installed)')
}

async function sample({ port, pids }: Server, load: Load, seconds: number): Promise<Sample> {
  const cpu = (): number => pids.reduce((sum, pid) => sum + activity(pid).cpuMillis, 0)
  const before = cpu()
  const perSecond = await load(port, seconds)
  return { perSecond, cpuMicros: ((cpu() - before) * 1_000) / (perSecond * seconds) }
}

function section(found: Readonly<Record<Kind, readonly Sample[]>>, series: string, generator: string): Section {
  const rates = (kind: Kind): number[] => found[kind].map(({ perSecond }) => perSecond)
  const against = (kind: Kind): number => median(pairRatios(rates('holdfast'), rates(kind)))
  const names = { holdfast: 'holdfast, 2 workers', cluster: 'cluster SCHED_NONE, 2 workers', bare: 'one bare process' }
  return {
    title: `HTTP throughput, ${CONNECTIONS} keep-alive connections, ${series}`,
    columns: ['server', 'median', 'worst', 'best', 'CPU a request', 'holdfast against it'],
    rows: KINDS.map((kind) => [
      names[kind],
      `${figure(median(rates(kind)))}/s`,
      `${figure(Math.min(...rates(kind)))}/s`,
      `${figure(Math.max(...rates(kind)))}/s`,
      `${figure(median(found[kind].map(({ cpuMicros }) => cpuMicros)))} us`,
      figure(against(kind)),
    ]),
    targets: [{ name: 'against cluster, median of pairs', value: against('cluster'), limit: 0.95, atLeast: true }],
    notes: [`load from ${generator}, which shares the cores with the servers`],
    data: found,
  }
}

async function startHoldfast(run: BenchRun): Promise<Server> {
  const holdfast = await new Holdfast(run, 'throughput', {
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: { web: { command: helloCommand(run, 'holdfast'), instances: 2, sockets: ['http'], ready: 'notify' } },
  }).up()
  const { sockets, services } = await holdfast.status()
  const pids = services.flatMap(({ workers }) => workers.flatMap(({ pid }) => (pid === null ? [] : [pid])))
  return { port: portOf(sockets[0]?.listen ?? ''), pids: [holdfast.pid, ...pids] }
}

async function startPlain(run: BenchRun, kind: Kind): Promise<Server> {
  const [file = '', ...args] = helloCommand(run, kind)
  const child = run.scratch.spawnServer(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout === null || child.pid === undefined) throw new Error(`the ${kind} server did not start`)
  for await (const line of createInterface(child.stdout)) return { port: Number(line), pids: withChildren(child.pid) }
  throw new Error(`the ${kind} server did not start`)
}

function helloCommand({ root }: BenchRun, kind: Kind): string[] {
  return [process.execPath, join(root, 'bench/programs/hello.mjs'), kind]
}

/** Of `tcp://127.0.0.1:8080`. */
export function portOf(listen: string): number {
  const port = Number(/:(\d+)$/.exec(listen)?.[1])
  if (!(port > 0)) throw new Error(`no port in ${listen}`)
  return port
}

function wrkLoad({ scratch }: BenchRun, wrk: string): Load {
  return async (port, seconds) => {
    const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, `http://127.0.0.1:${port}/`]
    const { stdout, stderr } = await scratch.run(wrk, args)
    const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
    if (!(rate > 0)) throw new Error(`wrk: ${stdout}${stderr}`)
    return rate
  }
}

function ownLoad({ scratch, programs }: BenchRun): Load {
  return async (port, seconds) => {
    const { stdout } = await scratch.run(programs['http-clients'], [port, seconds, 0, CONNECTIONS, 0].map(String))
    return (JSON.parse(stdout) as { perSecond: number }).perSecond
  }
}
