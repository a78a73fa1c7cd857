// 1,000 services up and down, against a C program that starts and reaps as many processes.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast, idleServices, statusOverSocket } from '../holdfast.ts'
import { activity } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'

const COUNT = 1_000

interface Program {
  readonly name: string
  readonly command: readonly string[]
}

interface Pair {
  readonly program: string
  readonly floorUp: number
  readonly floorDown: number
  readonly up: number
  readonly down: number
  /** CPU time of the supervisor from its start until all were up, in milliseconds. */
  readonly cpu: number
  /** Answers of `status` while the services came up, in milliseconds. */
  readonly answers: readonly number[]
  readonly leftProcesses: number
  readonly leftFiles: readonly string[]
}

export async function measureThousandServices(run: BenchRun): Promise<Section> {
  const programs: Program[] = [
    { name: 'sleep', command: ['/bin/sleep', '1000000'] },
    // Not linked to anything but libc, and asleep at once: the floor can not be lower.
    { name: 'pause', command: [run.programs.pauser] },
  ]
  const pairs: Pair[] = []
  const rounds = run.quick ? 1 : 3
  for (let round = 0; round < rounds; round++) {
    run.progress(`1,000 services: round ${round + 1} of ${rounds}`)
    for (const program of programs) pairs.push(await measurePair(run, program, round))
  }
  const best = ({ name }: Program): number =>
    Math.min(...pairs.filter(({ program }) => program === name).map(({ up, floorUp }) => up / floorUp))
  const slowest = Math.max(...pairs.flatMap(({ answers }) => answers))
  const left = pairs.reduce((sum, { leftProcesses }) => sum + leftProcesses, 0)
  return {
    title: `${COUNT} services up and down (posix_spawn floor in the same pair)`,
    columns: ['program', 'floor up', 'up', 'ratio', 'supervisor CPU', 'slowest status', 'floor down', 'down', 'left'],
    rows: pairs.map(row),
    targets: [
      ...programs.map((program) => ({
        name: `up, ${program.name}, ratio of the best pair`,
        value: best(program),
        limit: 2.5,
      })),
      { name: 'slowest answer to status meanwhile, ms', value: slowest, limit: 100 },
      { name: 'processes left after down', value: left, limit: 0 },
    ],
    notes: ['`up` includes the start of two Node processes: the command and the supervisor'],
    data: pairs,
  }
}

function row(pair: Pair): string[] {
  const millis = (value: number): string => `${figure(value)} ms`
  return [
    pair.program,
    millis(pair.floorUp),
    millis(pair.up),
    figure(pair.up / pair.floorUp),
    millis(pair.cpu),
    `${millis(Math.max(...pair.answers))} of ${pair.answers.length}`,
    millis(pair.floorDown),
    millis(pair.down),
    String(pair.leftProcesses),
  ]
}

async function measurePair(run: BenchRun, { name, command }: Program, round: number): Promise<Pair> {
  const { scratch } = run
  const floor = await measureFloor(run, command)
  const holdfast = new Holdfast(run, `thousand-${name}-${round}`, { services: idleServices(command, COUNT) })
  const looking = new AbortController()
  const answers = lookAtStatus(holdfast.socket, looking.signal)
  await holdfast.up()
  looking.abort()
  const cpu = activity(holdfast.pid).cpuMillis
  const found = (await holdfast.status()).services.filter(({ state }) => state === 'running').length
  if (found !== COUNT) throw new Error(`only ${found} of ${COUNT} services are running`)
  const down = await holdfast.down()
  return {
    program: name,
    ...floor,
    up: holdfast.upMillis,
    down,
    cpu,
    answers: await answers,
    leftProcesses: scratch.leftovers().length,
    leftFiles: readdirSync(holdfast.runtimeDir),
  }
}

async function measureFloor(
  { scratch, programs }: BenchRun,
  command: readonly string[],
): Promise<{ floorUp: number; floorDown: number }> {
  const child = scratch.spawn(programs['floor-many'], [String(COUNT), ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('no output')
  const exit = once(child, 'exit')
  const figures: Record<string, number> = {}
  for await (const line of createInterface(child.stdout)) {
    const [name = '', nanoseconds = ''] = line.split(' ')
    figures[name] = Number(nanoseconds) / 1e6
    if (name === 'up') child.stdin?.end('\n')
  }
  await exit
  return { floorUp: figures.up ?? Number.NaN, floorDown: figures.down ?? Number.NaN }
}

/** Asks every 200 ms, from the moment on when somebody listens. */
async function lookAtStatus(socket: string, signal: AbortSignal): Promise<number[]> {
  const answers: number[] = []
  while (!signal.aborted) {
    const began = performance.now()
    try {
      await statusOverSocket(socket)
      answers.push(performance.now() - began)
    } catch {
      // Not there yet.
    }
    await delay(200)
  }
  return answers
}
