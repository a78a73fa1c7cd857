// HTTP requests per second of several servers, in turns.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BenchRun } from './bench-run.ts'
import { activity, withChildren } from './proc-figures.ts'
import { figure, type Section } from './section.ts'
import { median, pairRatios } from './statistics.ts'

const CONNECTIONS = 64
/**
 * The kernel shares the cores out among sessions (sched_autogroup(7)): a server that is in the session of what loads it has another
 * share than one that is not. So each server has a session of its own, as a daemon has, and so has the load.
 */
const OWN_SESSION = { detached: true }
/** V8 compiles on a thread beside meanwhile. */
const WARM_UP_SECONDS = 2

export interface HttpServer {
  readonly port: number
  /** All that takes part in answering. */
  readonly pids: readonly number[]
}

export interface Contestant {
  readonly name: string
  /** Runs until the end of the measurement. */
  readonly start: (round: number) => Promise<HttpServer>
}

export interface LoadFigures {
  readonly perSecond: number
  readonly p99Millis: number
}

export interface Sample extends LoadFigures {
  /** CPU time of the server for each request, in microseconds: what a busy machine distorts least. */
  readonly cpuMicros: number
}

export type Load = (port: number, seconds: number) => Promise<LoadFigures>

/** wrk, where it is there. The load has a session of its own, too. */
export function loadOf(run: BenchRun, connections = CONNECTIONS): { readonly load: Load; readonly generator: string } {
  const wrk = (process.env.PATH ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'wrk'))
    .find(existsSync)
  if (wrk !== undefined) return { load: wrkLoad(run, wrk, connections), generator: wrk }
  return { load: ownLoad(run, connections), generator: 'bench/c/http-clients.c (wrk is not installed)' }
}

/** The first is ours, the second the one that it has to keep up with. */
export async function httpContest(
  run: BenchRun,
  title: string,
  contestants: readonly [Contestant, Contestant, ...Contestant[]],
): Promise<Section> {
  const { quick, progress } = run
  const { load, generator } = loadOf(run)
  const found = contestants.map((contestant) => ({ ...contestant, samples: [] as Sample[] }))

  // How the connections fall to the two workers is luck, and so is what V8 makes of the code in each process (up to a fifth of the
  // CPU time, for as long as it lives): many rounds rather than long ones, each with new processes.
  const rounds = quick ? 3 : 21
  const seconds = quick ? 1 : 2
  for (let round = 0; round < rounds; round++) {
    progress(`${title}: round ${round + 1} of ${rounds}`)
    // Nobody always has the first turn.
    const shift = round % found.length
    for (const { start, samples } of [...found.slice(shift), ...found.slice(0, shift)]) {
      const server = await start(round)
      await load(server.port, quick ? 1 : WARM_UP_SECONDS)
      samples.push(await sampleOf(server, load, seconds))
      await run.scratch.endMeasurement()
    }
  }
  const heading = `${title}, ${CONNECTIONS} keep-alive connections, ${rounds} rounds of ${seconds} s with new processes`
  return section(heading, found, `load from ${generator}, which shares the cores with the servers`)
}

export async function sampleOf({ port, pids }: HttpServer, load: Load, seconds: number): Promise<Sample> {
  const cpu = (): number => pids.reduce((sum, pid) => sum + activity(pid).cpuMillis, 0)
  const before = cpu()
  const found = await load(port, seconds)
  return { ...found, cpuMicros: ((cpu() - before) * 1_000) / (found.perSecond * seconds) }
}

function section(
  title: string,
  contestants: readonly { readonly name: string; readonly samples: readonly Sample[] }[],
  note: string,
): Section {
  const rows = contestants.map(({ name, samples }) => ({
    name,
    samples,
    rates: samples.map(({ perSecond }) => perSecond),
  }))
  const against = (index: number): number => median(pairRatios(rows[0]?.rates ?? [], rows[index]?.rates ?? []))
  return {
    title,
    columns: ['server', 'median', 'worst', 'best', 'CPU a request', `${rows[0]?.name} against it`],
    rows: rows.map(({ name, rates, samples }, index) => [
      name,
      `${figure(median(rates))}/s`,
      `${figure(Math.min(...rates))}/s`,
      `${figure(Math.max(...rates))}/s`,
      `${figure(median(samples.map(({ cpuMicros }) => cpuMicros)))} us`,
      figure(against(index)),
    ]),
    targets: [{ name: `against ${rows[1]?.name}, median of pairs`, value: against(1), limit: 0.95, atLeast: true }],
    notes: [note],
    data: rows,
  }
}

/** Node's cluster with two workers and SCHED_NONE, or one process without anything. */
export function plainContestant(run: BenchRun, kind: 'cluster' | 'bare'): Contestant {
  const name = kind === 'cluster' ? 'cluster SCHED_NONE, 2 workers' : 'one bare process'
  return { name, start: () => startPlain(run, kind) }
}

async function startPlain(run: BenchRun, kind: 'cluster' | 'bare'): Promise<HttpServer> {
  const [file = '', ...args] = helloCommand(run, kind)
  const child = run.scratch.spawnServer(file, args, { ...OWN_SESSION, stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout === null || child.pid === undefined) throw new Error(`the ${kind} server did not start`)
  for await (const line of createInterface(child.stdout)) {
    return { port: Number(line), pids: withChildren(child.pid) }
  }
  throw new Error(`the ${kind} server did not start`)
}

export function helloCommand({ root }: BenchRun, kind: 'holdfast' | 'cluster' | 'bare'): string[] {
  return [process.execPath, join(root, 'bench/programs/hello.mjs'), kind]
}

/** Of `tcp://127.0.0.1:8080`. */
export function portOf(listen: string): number {
  const port = Number(/:(\d+)$/.exec(listen)?.[1])
  if (!(port > 0)) throw new Error(`no port in ${listen}`)
  return port
}

function wrkLoad({ scratch }: BenchRun, wrk: string, connections: number): Load {
  const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 }
  return async (port, seconds) => {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`]
    const { stdout, stderr } = await scratch.run(wrk, args, OWN_SESSION)
    const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
    const [, late, unit = ''] = /^\s+99%\s+([\d.]+)(us|ms|s)$/m.exec(stdout) ?? []
    const p99Millis = Number(late) * (units[unit] ?? Number.NaN)
    if (!(perSecond > 0 && p99Millis > 0)) throw new Error(`wrk: ${stdout}${stderr}`)
    return { perSecond, p99Millis }
  }
}

function ownLoad({ scratch, programs }: BenchRun, connections: number): Load {
  return async (port, seconds) => {
    const { stdout } = await scratch.run(
      programs['http-clients'],
      [port, seconds, 0, connections, 0].map(String),
      OWN_SESSION,
    )
    const { perSecond, p99Ms } = JSON.parse(stdout) as { perSecond: number; p99Ms: number }
    return { perSecond, p99Millis: p99Ms }
  }
}
