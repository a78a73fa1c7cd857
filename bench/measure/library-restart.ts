// From `kill -9` of a worker of a library server to the first action of its successor.
import { join } from 'node:path'
import { Beacons } from '../beacons.ts'
import type { BenchRun } from '../bench-run.ts'
import { LibraryServer } from '../library-server.ts'
import { figure, type Section } from '../section.ts'
import { spread } from '../statistics.ts'

/** Older than `restart.resetAfter`: such a death is no failure. */
const GROWN_UP = 1_200

interface Contestant {
  readonly name: string
  readonly tag: number
  /** The contestant that does as little as possible. */
  readonly floor?: string
  readonly limit?: number
  readonly samples: number[]
}

const C_FLOOR = 'C floor'
const NODE_FLOOR = 'C floor that starts `node`'

export async function measureLibraryRestart(run: BenchRun): Promise<Section> {
  const beacons = new Beacons(run)
  run.scratch.defer(() => beacons.close())
  const all = await startAll(run, beacons)
  const rounds = run.quick ? 8 : 40
  for (let round = 0; round < rounds; round++) {
    run.progress(`library: round ${round + 1} of ${rounds}`)
    const shift = round % all.length
    for (const { tag, samples } of [...all.slice(shift), ...all.slice(0, shift)]) {
      samples.push(await beacons.killAndTime(tag, GROWN_UP))
    }
  }
  return section(all)
}

async function startAll(run: BenchRun, beacons: Beacons): Promise<Contestant[]> {
  const { scratch, programs, root } = run
  const { fifo } = beacons
  const floor = (name: string, { tag, command }: ReturnType<Beacons['make']>): Contestant => {
    scratch.spawnServer(programs['floor-restart'], command, { stdio: 'ignore' })
    return { name, tag, samples: [] }
  }
  const cFloor = floor(C_FLOOR, beacons.make())
  const nodeFloor = floor(NODE_FLOOR, beacons.make([process.execPath, join(root, 'bench/programs/node-beacon.mjs')]))
  const { tag: ofSpawn, command } = beacons.make()
  const { tag: ofProcess } = beacons.make()
  run.progress('library: servers up')
  await new LibraryServer(run, 'library-spawn', { workerType: 'spawn', command, ready: { delay: 0 } }).start()
  await new LibraryServer(run, 'library-process', { act: 'beacon', fifo, tag: ofProcess }).start()
  return [
    cFloor,
    { name: 'worker of type spawn, C program', tag: ofSpawn, floor: C_FLOOR, limit: 2, samples: [] },
    nodeFloor,
    { name: 'worker of type process, to its `run`', tag: ofProcess, floor: NODE_FLOOR, samples: [] },
  ]
}

function section(contestants: readonly Contestant[]): Section {
  const found = contestants.map(({ samples, ...one }) => ({ ...one, all: samples, ...spread(samples) }))
  const ratioOf = ({ name, floor = name, median }: (typeof found)[number]): number =>
    median / (found.find((one) => one.name === floor)?.median ?? Number.NaN)
  return {
    title: 'library: restart latency after kill -9 (to the first action of the new worker)',
    columns: ['what', 'median', 'p95', 'ratio', 'samples'],
    rows: found.map((one) => [
      one.name,
      `${figure(one.median)} ms`,
      `${figure(one.p95)} ms`,
      figure(ratioOf(one)),
      String(one.samples),
    ]),
    targets: found.flatMap((one) =>
      one.limit === undefined ? [] : [{ name: `${one.name}, ratio`, value: ratioOf(one), limit: one.limit }],
    ),
    notes: [],
    data: found,
  }
}
