// From `kill -9` of a trivial program to the first action of its successor.
import { join } from 'node:path'
import { Beacons } from '../beacons.ts'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast, idleServices } from '../holdfast.ts'
import { startPm2 } from '../peers/pm2.ts'
import { startSupervisord } from '../peers/supervisord.ts'
import { anonymousPss } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'
import { type Spread, spread } from '../statistics.ts'

/** Older than `restart.resetAfter`: such a death is no failure. */
const GROWN_UP = 1_200
const YOUNG = 100
/** The default of `restart.immediate`: so many failures in a row are answered at once. */
const IMMEDIATE = 3

interface Contestant {
  readonly name: string
  readonly tag: number
  readonly limit?: number
  readonly samples: number[]
}

export async function measureRestart(run: BenchRun): Promise<Section> {
  const beacons = new Beacons(run)
  run.scratch.defer(() => beacons.close())
  const notes: string[] = []
  const floor = startFloor(run, beacons)
  const { grownUp, rapidTags, fleets } = await startHoldfasts(run, beacons, notes)
  const peers = await startPeers(run, beacons, notes)

  const rounds = run.quick ? 8 : 40
  const all = [floor, ...grownUp, ...peers]
  for (let round = 0; round < rounds; round++) {
    run.progress(`restart: round ${round + 1} of ${rounds}`)
    const shift = round % all.length
    for (const { tag, samples } of [...all.slice(shift), ...all.slice(0, shift)]) {
      samples.push(await beacons.killAndTime(tag, GROWN_UP))
    }
  }
  const rapid = await measureRapid(run, beacons, { floor, rapidTags, peers })
  for (const fleet of fleets) await fleet.down()
  return section([...all, ...rapid], notes)
}

function startFloor({ scratch, programs }: BenchRun, beacons: Beacons): Contestant {
  const { tag, command } = beacons.make()
  scratch.spawnServer(programs['floor-restart'], command, { stdio: 'ignore' })
  return { name: 'C floor', tag, samples: [] }
}

async function startHoldfasts(run: BenchRun, beacons: Beacons, notes: string[]) {
  const grownUp: Contestant[] = []
  const contestant = (name: string, limit?: number) => {
    const { tag, command } = beacons.make()
    grownUp.push({ name, tag, samples: [], ...(limit === undefined ? {} : { limit }) })
    return { command, ready: { delay: 0 } }
  }
  const rapid = Array.from({ length: run.quick ? 3 : 10 }, () => beacons.make())
  const services: Record<string, object> = {
    beacon: contestant('holdfast', 2),
    sockets: { ...contestant('holdfast, sockets'), sockets: ['http'] },
    ...Object.fromEntries(rapid.map(({ command }, index) => [`rapid-${index}`, { command, ready: { delay: 0 } }])),
  }
  if (process.getuid?.() === 0) {
    services.user = { ...contestant('holdfast, user'), user: 'nobody' }
    services.both = { ...contestant('holdfast, user and sockets', 4), user: 'nobody', sockets: ['http'] }
  } else notes.push('SKIPPED: `user` needs root')
  const sockets = { http: 'tcp://127.0.0.1:0' }
  run.progress('restart: supervisors up')
  const plain = await new Holdfast(run, 'restart', { sockets, services }).up()
  const beside = await new Holdfast(run, 'restart-1000', {
    services: {
      beacon: contestant('holdfast, 1,000 services beside', 3),
      ...idleServices([run.programs.pauser], 1_000),
    },
  }).up()
  const heavy = await new Holdfast(
    run,
    'restart-heavy',
    { services: { beacon: contestant('holdfast, 80 MB more heap', 3) } },
    { environment: { NODE_OPTIONS: `--require=${join(run.root, 'bench/programs/ballast.cjs')}` } },
  ).up()
  const more = (anonymousPss(heavy.pid) - anonymousPss(plain.pid)) / 1_024
  notes.push(`the heavy supervisor has ${figure(more)} MB more anonymous memory than the plain one`)
  return { grownUp, rapidTags: rapid.map(({ tag }) => tag), fleets: [plain, beside, heavy] }
}

async function startPeers(run: BenchRun, beacons: Beacons, notes: string[]): Promise<Contestant[]> {
  const peers: Contestant[] = []
  for (const [name, start] of [
    ['PM2', startPm2],
    ['supervisord', startSupervisord],
  ] as const) {
    run.progress(`restart: ${name}`)
    const { tag, command } = beacons.make()
    if (await start(run, command)) peers.push({ name, tag, samples: [] })
    else notes.push(`SKIPPED: ${name} is not installed`)
  }
  return peers
}

/** Killed 100 ms after the start, as often as is answered at once; the floor and the peers in between. */
async function measureRapid(
  run: BenchRun,
  beacons: Beacons,
  { floor, rapidTags, peers }: { floor: Contestant; rapidTags: readonly number[]; peers: readonly Contestant[] },
): Promise<Contestant[]> {
  run.progress('restart: in quick succession')
  const ours: Contestant = { name: 'holdfast, killed after 100 ms', tag: 0, limit: 2, samples: [] }
  const others = [floor, ...peers].map(({ name, tag }) => ({
    name: `${name}, killed after 100 ms`,
    tag,
    samples: [] as number[],
  }))
  for (const tag of rapidTags) {
    // The first one is old: its death does not count, and gives a young successor.
    await beacons.killAndTime(tag, GROWN_UP)
    for (let kill = 0; kill < IMMEDIATE; kill++) {
      ours.samples.push(await beacons.killAndTime(tag, YOUNG))
      for (const other of others) other.samples.push(await beacons.killAndTime(other.tag, YOUNG))
    }
  }
  return [ours, ...others]
}

function section(contestants: readonly Contestant[], notes: readonly string[]): Section {
  const found = contestants.map(({ name, limit, samples }) => ({ name, limit, all: samples, ...spread(samples) }))
  const floorOf = (name: string): Spread => {
    const floor = found.find(
      (one) => one.name === (name.endsWith('100 ms') ? 'C floor, killed after 100 ms' : 'C floor'),
    )
    if (floor === undefined) throw new Error('no floor')
    return floor
  }
  return {
    title: 'restart latency after kill -9 (to the first action of the new process)',
    columns: ['supervisor', 'median', 'p95', 'ratio', 'ratio of p95', 'samples'],
    rows: found.map((one) => [
      one.name,
      `${figure(one.median)} ms`,
      `${figure(one.p95)} ms`,
      figure(one.median / floorOf(one.name).median),
      figure(one.p95 / floorOf(one.name).p95),
      String(one.samples),
    ]),
    targets: found.flatMap(({ name, limit, median }) =>
      limit === undefined ? [] : [{ name: `${name}, ratio`, value: median / floorOf(name).median, limit }],
    ),
    notes,
    data: found,
  }
}
