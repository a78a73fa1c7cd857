// Requests per second and late answers of a large application: forked workers, spawned ones, and those of node:cluster, in turns.
import type { BenchRun } from '../bench-run.ts'
import { WAYS, WarmApplication, type Way, WORKERS } from '../forkserver/warm-application.ts'
import { type Load, loadOf, type Sample, sampleOf } from '../http-contest.ts'
import { figure, type Section } from '../section.ts'
import { median, pairRatios } from '../statistics.ts'

const CONNECTIONS = 64
/** V8 goes on compiling for some 25,000 requests in each worker. */
const WARM_UP_SECONDS = 20

export async function measureForkHttp(run: BenchRun): Promise<Section> {
  const { quick, progress } = run
  const { load, generator } = loadOf(run, CONNECTIONS)
  const found: Record<Way, Sample[]> = { forked: [], spawned: [], cluster: [] }
  // What V8 makes of the code differs from start to start, and how connections fall to the workers.
  const starts = quick ? 1 : 4
  const rounds = quick ? 2 : 6
  for (let start = 0; start < starts; start++) {
    const applications: WarmApplication[] = []
    for (const way of WAYS) {
      progress(`fork-http: start ${start + 1} of ${starts}, ${way}`)
      const application = await new WarmApplication(run, `http-${start}`, way).start()
      await load(application.port, quick ? 2 : WARM_UP_SECONDS)
      applications.push(application)
    }
    for (let round = 0; round < rounds; round++) {
      const shift = (start + round) % WAYS.length
      for (const application of [...applications.slice(shift), ...applications.slice(0, shift)])
        found[application.way].push(await sample(application, load, quick ? 1 : 3))
    }
    await run.scratch.endMeasurement()
  }
  return section(found, generator)
}

function sample({ port, pids, supervisor }: WarmApplication, load: Load, seconds: number): Promise<Sample> {
  return sampleOf({ port, pids: supervisor === null ? pids : [supervisor, ...pids] }, load, seconds)
}

function section(found: Readonly<Record<Way, readonly Sample[]>>, generator: string): Section {
  const of = (way: Way, figureOf: (sample: Sample) => number): number[] => found[way].map(figureOf)
  const rates = (way: Way): number[] => of(way, ({ perSecond }) => perSecond)
  const late = (way: Way): number[] => of(way, ({ p99Millis }) => p99Millis)
  const ratio = (way: Way): number => median(pairRatios(rates('forked'), rates(way)))
  const lateRatio = (way: Way): number => median(pairRatios(late('forked'), late(way)))
  // Of one and the same against itself, from one turn to the next: what a single pair is worth.
  const noise = (samples: readonly number[]): number =>
    median(pairRatios(samples.slice(1), samples).map((one) => Math.abs(one - 1)))
  return {
    title: `forkserver: HTTP, ${WORKERS} workers, ${CONNECTIONS} keep-alive connections, ${found.forked.length} rounds of each`,
    columns: ['workers', 'median', 'worst', 'best', 'p99', 'CPU a request', 'forked against it', 'its p99'],
    rows: WAYS.map((way) => [
      way,
      `${figure(median(rates(way)))}/s`,
      `${figure(Math.min(...rates(way)))}/s`,
      `${figure(Math.max(...rates(way)))}/s`,
      `${figure(median(late(way)))} ms`,
      `${figure(median(of(way, ({ cpuMicros }) => cpuMicros)))} us`,
      figure(ratio(way)),
      figure(lateRatio(way)),
    ]),
    targets: [
      {
        name: 'requests/s, forked against spawned, median of pairs',
        value: ratio('spawned'),
        limit: 0.95,
        atLeast: true,
      },
      { name: 'p99, forked against spawned, median of pairs', value: lateRatio('spawned'), limit: 1.1 },
    ],
    notes: [
      `spawned against itself, from turn to turn: requests/s differ by ${figure(noise(rates('spawned')) * 100)} %, p99 by ${figure(noise(late('spawned')) * 100)} %`,
      `load from ${generator}, which shares the cores with the servers`,
    ],
    data: found,
  }
}
