// HTTP requests per second: two Holdfast workers on one socket, two workers of node's cluster, one bare process.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { figure, type Section } from '../section.ts'
import { median, pairRatios } from '../statistics.ts'

const CONNECTIONS = 64
const KINDS = ['holdfast', 'cluster', 'bare'] as const
type Kind = (typeof KINDS)[number]

export async function measureThroughput(run: BenchRun): Promise<Section> {
  const { quick, progress } = run
  const ports: Record<Kind, number> = {
    holdfast: await startHoldfast(run),
    cluster: await startPlain(run, 'cluster'),
    bare: await startPlain(run, 'bare'),
  }
  const seconds = quick ? 1 : 5
  const wrk = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'wrk'))
    .find(existsSync)
  const load = (kind: Kind, length: number): Promise<number> =>
    wrk === undefined ? ownLoad(run, ports[kind], length) : wrkLoad(run, wrk, ports[kind], length)
  for (const kind of KINDS) await load(kind, 1)

  const found: Record<Kind, number[]> = { holdfast: [], cluster: [], bare: [] }
  const rounds = quick ? 3 : 5
  for (let round = 0; round < rounds; round++) {
    progress(`throughput: round ${round + 1} of ${rounds}`)
    // Nobody always has the first turn.
    for (const kind of [...KINDS.slice(round % 3), ...KINDS.slice(0, round % 3)])
      found[kind].push(await load(kind, seconds))
  }
  const against = (kind: Kind): number => median(pairRatios(found.holdfast, found[kind]))
  return {
    title: `HTTP throughput, ${CONNECTIONS} keep-alive connections, ${rounds} rounds of ${seconds} s`,
    columns: ['server', 'median', 'worst', 'best', 'holdfast against it'],
    rows: KINDS.map((kind) => [
      { holdfast: 'holdfast, 2 workers', cluster: 'cluster SCHED_NONE, 2 workers', bare: 'one bare process' }[kind],
      `${figure(median(found[kind]))}/s`,
      `${figure(Math.min(...found[kind]))}/s`,
      `${figure(Math.max(...found[kind]))}/s`,
      figure(against(kind)),
    ]),
    targets: [{ name: 'against cluster, median of pairs', value: against('cluster'), limit: 0.95, atLeast: true }],
    notes: [
      `load from ${wrk ?? 'bench/c/http-clients.c (wrk is not installed)'}, which shares the cores with the servers`,
    ],
    data: found,
  }
}

async function startHoldfast(run: BenchRun): Promise<number> {
  const holdfast = await new Holdfast(run, 'throughput', {
    sockets: { http: 'tcp://127.0.0.1:0' },
    services: { web: { command: helloCommand(run, 'holdfast'), instances: 2, sockets: ['http'], ready: 'notify' } },
  }).up()
  return portOf((await holdfast.status()).sockets[0]?.listen ?? '')
}

async function startPlain(run: BenchRun, kind: Kind): Promise<number> {
  const [file = '', ...args] = helloCommand(run, kind)
  const child = run.scratch.spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  run.scratch.defer(() => {
    child.kill()
  })
  if (child.stdout === null) throw new Error('no output')
  for await (const line of createInterface(child.stdout)) return Number(line)
  throw new Error(`the ${kind} server did not start`)
}

function helloCommand({ root }: BenchRun, kind: Kind): string[] {
  return [process.execPath, join(root, 'bench/programs/hello.mjs'), kind]
}

export function portOf(listen: string): number {
  const port = Number(/:(\d+)$/.exec(listen)?.[1])
  if (!(port > 0)) throw new Error(`no port in ${listen}`)
  return port
}

async function wrkLoad({ scratch }: BenchRun, wrk: string, port: number, seconds: number): Promise<number> {
  const { stdout, stderr } = await scratch.run(wrk, [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    `http://127.0.0.1:${port}/`,
  ])
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`wrk: ${stdout}${stderr}`)
  return rate
}

async function ownLoad({ scratch, programs }: BenchRun, port: number, seconds: number): Promise<number> {
  const { stdout } = await scratch.run(programs['http-clients'], [port, seconds, 0, CONNECTIONS, 0].map(String))
  return (JSON.parse(stdout) as { perSecond: number }).perSecond
}
