// What a supervisor costs while nothing happens: memory, wake-ups, CPU time.
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast, idleServices } from '../holdfast.ts'
import { type Activity, activity, anonymousPss } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'

const SIZES = [1, 100, 1_000] as const
/** V8 collects what the start left behind, some seconds later. */
const SETTLE_MILLIS = 15_000
const WATCH_MILLIS = 20_000

interface Footprint {
  readonly size: number
  readonly kib: number
  readonly wakeUps: number
  readonly cpuMillis: number
}

export async function measureFootprint(run: BenchRun): Promise<Section> {
  const { quick, programs, progress } = run
  const fleets: Holdfast[] = []
  for (const size of SIZES) {
    progress(`footprint: ${size} services up`)
    fleets.push(await new Holdfast(run, `footprint-${size}`, { services: idleServices([programs.pauser], size) }).up())
  }
  const watch = quick ? 5_000 : WATCH_MILLIS
  progress(`footprint: settling, then watching for ${watch / 1_000} s`)
  await delay(quick ? 5_000 : SETTLE_MILLIS)
  const before = fleets.map(({ pid }) => activity(pid))
  await delay(watch)
  const after = fleets.map(({ pid }) => activity(pid))
  const found = fleets.map(({ pid }, index) => ({
    size: SIZES[index] ?? 0,
    kib: anonymousPss(pid),
    ...difference(before[index], after[index]),
  }))
  for (const fleet of fleets) await fleet.down()
  return section(found, watch, quick)
}

function difference(before: Activity | undefined, after: Activity | undefined): Activity {
  return {
    wakeUps: (after?.wakeUps ?? 0) - (before?.wakeUps ?? 0),
    cpuMillis: (after?.cpuMillis ?? 0) - (before?.cpuMillis ?? 0),
  }
}

function section(found: readonly Footprint[], watch: number, quick: boolean): Section {
  const at = (size: number): Footprint => {
    const footprint = found.find((one) => one.size === size)
    if (footprint === undefined) throw new Error(`${size} services were not measured`)
    return footprint
  }
  const slope = (at(1_000).kib - at(100).kib) / 900
  return {
    title: `supervisor, idle for ${watch / 1_000} s`,
    columns: ['services', 'anonymous PSS', 'wake-ups', 'CPU'],
    rows: found.map(({ size, kib, wakeUps, cpuMillis }) => [
      String(size),
      `${figure(kib / 1_024)} MB`,
      String(wakeUps),
      `${figure(cpuMillis)} ms`,
    ]),
    targets: [
      { name: 'anonymous PSS at 1,000, MB', value: at(1_000).kib / 1_024, limit: 40 },
      { name: 'per service from 100 to 1,000, KiB', value: slope, limit: 15 },
      ...(quick ? [] : found.map(({ size, wakeUps }) => ({ name: `wake-ups at ${size}`, value: wakeUps, limit: 0 }))),
    ],
    notes: quick ? ['--quick: not settled for long enough, wake-ups of the garbage collector are to be expected'] : [],
    data: { found, slope },
  }
}
