// From `kill -9` of a worker of a large application to the readiness of its successor.
import type { BenchRun } from '../bench-run.ts'
import { WarmApplication, WORKERS } from '../forkserver/warm-application.ts'
import { figure, type Section } from '../section.ts'
import { spread } from '../statistics.ts'

/** Older than `restart.resetAfter`: such a death is no failure. */
const GROWN_UP = 1_200
const LIMIT_MILLIS = 25

export async function measureForkRestart(run: BenchRun): Promise<Section> {
  const rounds = run.quick ? 1 : 8
  const forked = await killEach(run, 'forked', WORKERS * rounds)
  const spawned = await killEach(run, 'spawned', run.quick ? 2 : WORKERS)
  const found = [
    { way: 'forked', ...spread(forked), all: forked },
    { way: 'spawned', ...spread(spawned), all: spawned },
  ]
  return {
    title: 'forkserver: restart after kill -9 (until the new worker is ready)',
    columns: ['workers', 'median', 'p95', 'worst', 'samples'],
    rows: found.map(({ way, median, p95, max, samples }) => [
      way,
      `${figure(median)} ms`,
      `${figure(p95)} ms`,
      `${figure(max)} ms`,
      String(samples),
    ]),
    targets: [{ name: 'forked, median in ms', value: spread(forked).median, limit: LIMIT_MILLIS }],
    notes: [],
    data: found,
  }
}

async function killEach(run: BenchRun, way: 'forked' | 'spawned', times: number): Promise<number[]> {
  const application = await new WarmApplication(run, 'restart', way).start()
  const samples: number[] = []
  for (let time = 0; time < times; time++) {
    run.progress(`fork-restart: ${way}, round ${time + 1} of ${times}`)
    samples.push(await application.killAndTime(time % WORKERS, GROWN_UP))
  }
  await run.scratch.endMeasurement()
  return samples
}
