// How long it takes until the workers of a large application are ready: forked, spawned, and with node:cluster.
import type { BenchRun } from '../bench-run.ts'
import { bareLoad, generate, WAYS, WarmApplication, type Way, WORKERS } from '../forkserver/warm-application.ts'
import { figure, type Section } from '../section.ts'
import { median } from '../statistics.ts'

/** What the workers may take beside one and a half loads. */
const ALLOWANCE_MILLIS = 500

interface Sample {
  readonly first: number
  readonly all: number
}

export async function measureForkStart(run: BenchRun): Promise<Section> {
  generate(run)
  const rounds = run.quick ? 1 : 7
  const loads: number[] = []
  const found: Record<Way, Sample[]> = { forked: [], spawned: [], cluster: [] }
  // Whatever is read for the first time is not in memory yet.
  await bareLoad(run)
  for (let round = 0; round < rounds; round++) {
    run.progress(`fork-start: round ${round + 1} of ${rounds}`)
    loads.push(await bareLoad(run))
    const shift = round % WAYS.length
    for (const way of [...WAYS.slice(shift), ...WAYS.slice(0, shift)]) {
      const { readyMillis } = await new WarmApplication(run, `start-${round}`, way).start()
      found[way].push({ first: readyMillis[0] ?? Number.NaN, all: readyMillis.at(-1) ?? Number.NaN })
      await run.scratch.endMeasurement()
    }
  }
  return section(loads, found)
}

function section(loads: readonly number[], found: Readonly<Record<Way, readonly Sample[]>>): Section {
  const load = median(loads)
  const rows = WAYS.map((way) => {
    const [first, all] = [median(found[way].map((one) => one.first)), median(found[way].map((one) => one.all))]
    return { way, first, all }
  })
  const ours = rows.find(({ way }) => way === 'forked')?.all ?? Number.NaN
  return {
    title: `forkserver: from the start of the command until the workers are ready (${WORKERS} workers, medians of ${loads.length})`,
    columns: ['workers', 'first ready', 'all ready', 'in loads'],
    rows: [
      ['one bare load', '', `${figure(load)} ms`, '1'],
      ...rows.map(({ way, first, all }) => [way, `${figure(first)} ms`, `${figure(all)} ms`, figure(all / load)]),
    ],
    targets: [{ name: 'all forked workers ready, ms', value: ours, limit: 1.5 * load + ALLOWANCE_MILLIS }],
    notes: ['forked and spawned: from the start of `holdfast up`, so with the start of two Node processes'],
    data: { loads, found },
  }
}
