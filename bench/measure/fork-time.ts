// How long a fork takes, from the order to the answer, as the heap of the forkserver grows.
import type { BenchRun } from '../bench-run.ts'
import { NodeForkserver } from '../forkserver/node-forkserver.ts'
import { programOf } from '../forkserver/warm-application.ts'
import { figure, type Section } from '../section.ts'
import { type Spread, spread } from '../statistics.ts'

const HEAPS_MB = [50, 100, 200, 400, 700, 1_000]

interface Found extends Spread {
  readonly heap: number
  readonly rssMb: number
  readonly loadMillis: number
  readonly all: readonly number[]
}

export async function measureForkTime(run: BenchRun): Promise<Section> {
  const found: Found[] = []
  for (const heap of HEAPS_MB) {
    run.progress(`fork-time: ${heap} MB`)
    const forkserver = new NodeForkserver(run, programOf(run, 'heap.cjs'), { BENCH_HEAP_MB: String(heap) })
    const { ms, rss } = await forkserver.loaded()
    const all: number[] = []
    for (let fork = 0; fork < (run.quick ? 5 : 40); fork++) all.push(await forkserver.forkOnce())
    found.push({ heap, rssMb: rss / 1_048_576, loadMillis: ms, all, ...spread(all) })
    await run.scratch.endMeasurement()
  }
  return {
    title: 'forkserver: a fork, from the order to the answer, by size of the heap',
    columns: ['heap', 'resident', 'loaded in', 'median', 'p95', 'worst'],
    rows: found.map(({ heap, rssMb, loadMillis, median, p95, max }) => [
      `${heap} MB`,
      `${figure(rssMb)} MB`,
      `${figure(loadMillis)} ms`,
      `${figure(median)} ms`,
      `${figure(p95)} ms`,
      `${figure(max)} ms`,
    ]),
    targets: [],
    notes: [],
    data: found,
  }
}
