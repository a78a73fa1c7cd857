// From `kill -9` of a main to the first action of the standby that follows it; and what standbys cost while they wait.
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { StatusReport } from '../../src/supervisor/status-report.ts'
import { Beacons } from '../beacons.ts'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { LibraryServer } from '../library-server.ts'
import { activity, residentSet, withChildren } from '../proc-figures.ts'
import { figure, type Section, type Target } from '../section.ts'
import { type Spread, spread } from '../statistics.ts'

/** Older than `restart.resetAfter`, and the standby that was started in place of the one before has been waiting for long. */
const GROWN_UP = 1_500
/** V8 collects what the start left behind, some seconds later. */
const SETTLE_MILLIS = 15_000
const WATCH_MILLIS = 20_000
const PATIENCE = 20_000
const AFTERMATH = 1_000

const SLOTS = { mains: 1, standbys: 1 }
const BARE = 'bare start of the Node program'
const WARM = 'warm, Node'
const COLD = 'cold, Node'

interface Contestant {
  readonly name: string
  readonly samples: number[]
  readonly round: () => Promise<number>
}

export async function measureFailover(run: BenchRun): Promise<Section> {
  const beacons = new Beacons(run)
  run.scratch.defer(() => beacons.close())
  const { contestants, holdfast } = await startAll(run, beacons)
  const rounds = run.quick ? 8 : 40
  for (let round = 0; round < rounds; round++) {
    run.progress(`failover: round ${round + 1} of ${rounds}`)
    const shift = round % contestants.length
    for (const one of [...contestants.slice(shift), ...contestants.slice(0, shift)]) {
      // What was killed before is being replaced.
      await delay(AFTERMATH)
      one.samples.push(await one.round())
    }
  }
  run.progress('failover: watching the standbys')
  const idle = await watchStandbys(run, holdfast)
  await holdfast.down()
  return section(contestants, idle)
}

async function startAll(run: BenchRun, beacons: Beacons) {
  const { programs, root, progress } = run
  const node = (program: string): string[] => [process.execPath, join(root, 'bench/programs', program)]
  const warm = beacons.make(node('warm-standby.mjs'))
  const cold = beacons.make(node('node-beacon.mjs'))
  const small = beacons.make([programs.standby])
  const whole = beacons.make()
  progress('failover: supervisors up')
  const holdfast = await new Holdfast(run, 'failover', {
    services: {
      warm: { command: warm.command, ready: 'notify', slots: SLOTS },
      cold: { command: cold.command, ready: { delay: 0 }, slots: { ...SLOTS, warm: false } },
      small: { command: small.command, ready: 'notify', slots: SLOTS },
    },
  }).up()
  const server = await new LibraryServer(run, 'failover-library', {
    act: 'promoted',
    fifo: beacons.fifo,
    tag: whole.tag,
    slots: SLOTS,
  }).start()
  const ofService = (name: string, service: string, tag: number): Contestant => ({
    name,
    samples: [],
    async round() {
      await standbyWaits(() => holdfast.status(), service)
      return beacons.killAndTime(tag, GROWN_UP)
    },
  })
  const library: Contestant = {
    name: 'warm, library: whole servers',
    samples: [],
    async round() {
      await standbyWaits(() => server.status(), `${server.name}-server`)
      return beacons.killAndTime(whole.tag, GROWN_UP)
    },
  }
  const contestants = [
    ofService('warm, C program', 'small', small.tag),
    ofService(WARM, 'warm', warm.tag),
    bareStart(run, beacons),
    ofService(COLD, 'cold', cold.tag),
    library,
  ]
  return { contestants, holdfast }
}

/** From the clock before `posix_spawn` to the first line of the program. */
function bareStart({ scratch, programs, root }: BenchRun, beacons: Beacons): Contestant {
  const { tag, command } = beacons.make([process.execPath, join(root, 'bench/programs/node-beacon.mjs')])
  const floor = scratch.spawnServer(programs['floor-start'], command, { stdio: ['pipe', 'pipe', 'inherit'] })
  if (floor.stdin === null || floor.stdout === null) throw new Error('floor-start did not start')
  const { stdin } = floor
  const lines = createInterface(floor.stdout)[Symbol.asyncIterator]()
  return {
    name: BARE,
    samples: [],
    async round() {
      const life = beacons.next(tag)
      stdin.write('\n')
      const { value } = await lines.next()
      const { bornAt } = await life
      return Number(bornAt - BigInt(value)) / 1e6
    },
  }
}

async function standbyWaits(status: () => Promise<StatusReport>, service: string): Promise<void> {
  const deadline = performance.now() + PATIENCE
  while (performance.now() < deadline) {
    const { services } = await status()
    const { workers = [] } = services.find(({ name }) => name === service) ?? {}
    const waits = workers.some(({ role, ready, state }) => role === 'standby' && (ready || state === 'waiting'))
    if (waits && workers.some(({ role, ready }) => role === 'main' && ready)) return
    await delay(50)
  }
  throw new Error(`${service}: no standby waits within ${PATIENCE} ms`)
}

interface Idle {
  readonly wakeUps: number
  readonly cpuMillis: number
  readonly seconds: number
  readonly processes: number
  /** Of the main that was killed, in MB. */
  readonly mainRss: number
}

/** The standbys themselves, and what waits for their locks. */
async function watchStandbys({ quick }: BenchRun, holdfast: Holdfast): Promise<Idle> {
  await delay(quick ? 5_000 : SETTLE_MILLIS)
  const { services } = await holdfast.status()
  const workers = services.flatMap((service) => service.workers)
  const mains = new Set(workers.filter(({ role }) => role === 'main').map(({ pid }) => pid))
  const children = withChildren(holdfast.pid).filter((pid) => pid !== holdfast.pid && !mains.has(pid))
  // A lock is waited for by a shell, and by flock(1) below it.
  const waiting = children.flatMap(withChildren)
  const before = waiting.map(activity)
  const millis = quick ? 5_000 : WATCH_MILLIS
  await delay(millis)
  const after = waiting.map(activity)
  const sum = (field: 'wakeUps' | 'cpuMillis'): number =>
    after.reduce((total, one, index) => total + one[field] - (before[index]?.[field] ?? 0), 0)
  const main = services.find(({ name }) => name === 'warm')?.workers.find(({ role }) => role === 'main')?.pid ?? 0
  return {
    wakeUps: sum('wakeUps'),
    cpuMillis: sum('cpuMillis'),
    seconds: millis / 1_000,
    processes: waiting.length,
    mainRss: residentSet(main) / 1_024,
  }
}

function section(contestants: readonly Contestant[], idle: Idle): Section {
  const found = contestants.map(({ name, samples }) => ({ name, all: samples, ...spread(samples) }))
  const of = (name: string): Spread => {
    const one = found.find((other) => other.name === name)
    if (one === undefined) throw new Error(`no figures of ${name}`)
    return one
  }
  const beyond = of(COLD).median - of(BARE).median
  const targets: Target[] = [
    { name: `${WARM}, median in ms`, value: of(WARM).median, limit: 8 },
    { name: `${COLD}, median above a bare start in ms`, value: beyond, limit: 12 },
    { name: `wake-ups of what waits, in ${idle.seconds} s`, value: idle.wakeUps, limit: 0 },
  ]
  return {
    title: 'failover: from kill -9 of a main to the first action of the next one',
    columns: ['main and standby', 'median', 'p95', 'worst', 'samples'],
    rows: found.map(({ name, median, p95, max, samples }) => [
      name,
      `${figure(median)} ms`,
      `${figure(p95)} ms`,
      `${figure(max)} ms`,
      String(samples),
    ]),
    targets,
    notes: [
      `cold: ${figure(beyond)} ms above the bare start`,
      `the main of "${WARM}" has ${figure(idle.mainRss)} MB (RSS)`,
      `${idle.processes} waiting processes (standbys, shells, flock): ${idle.wakeUps} wake-ups and ${figure(idle.cpuMillis)} ms of CPU in ${idle.seconds} s`,
    ],
    data: { found, idle },
  }
}
