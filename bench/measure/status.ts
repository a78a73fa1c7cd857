// `holdfast status` against the least that a Node command can cost.
import type { BenchRun } from '../bench-run.ts'
import { Holdfast, idleServices } from '../holdfast.ts'
import { figure, type Section } from '../section.ts'
import { type Spread, spread } from '../statistics.ts'

const SIZES = [1, 100, 1_000] as const
const LIMITS: Readonly<Record<number, number>> = { 1: 1.4, 1000: 2.5 }

export async function measureStatus(run: BenchRun): Promise<Section> {
  const { quick, programs, scratch, progress } = run
  const fleets: Holdfast[] = []
  for (const size of SIZES) {
    progress(`status: ${size} services up`)
    fleets.push(await new Holdfast(run, `status-${size}`, { services: idleServices([programs.pauser], size) }).up())
  }
  const rounds = quick ? 10 : 40
  progress(`status: ${rounds} rounds`)
  const commands = [[process.execPath, '-e', '0'], ...fleets.map((fleet) => fleet.commandLine('status'))]
  const args = commands.flatMap((command) => ['--', ...command])
  const { code, stdout, stderr } = await scratch.run(programs.stopwatch, [String(rounds), ...args])
  if (code !== 0) throw new Error(stderr)
  const [bare, ...ours] = spreadsOf(stdout, commands.length)
  if (bare === undefined) throw new Error('no samples')
  for (const fleet of fleets) await fleet.down()

  const ratios = ours.map((of, index) => ({ size: SIZES[index] ?? 0, ratio: of.median / bare.median }))
  const row = (name: string, of: Spread): string[] => [
    name,
    `${figure(of.median)} ms`,
    `${figure(of.p95)} ms`,
    figure(of.median / bare.median),
  ]
  return {
    title: '`status` against `node -e 0` (wall time)',
    columns: ['command', 'median', 'p95', 'ratio'],
    rows: [row('node -e 0', bare), ...ours.map((of, index) => row(`holdfast status, ${SIZES[index]} services`, of))],
    targets: ratios.flatMap(({ size, ratio }) => {
      const limit = LIMITS[size]
      return limit === undefined ? [] : [{ name: `status at ${size}, ratio`, value: ratio, limit }]
    }),
    notes: [],
    data: { bare, ours, ratios },
  }
}

function spreadsOf(text: string, count: number): Spread[] {
  const samples: number[][] = Array.from({ length: count }, () => [])
  for (const line of text.trim().split('\n')) {
    const [index = 0, nanoseconds = 0] = line.split(' ').map(Number)
    samples[index]?.push(nanoseconds / 1e6)
  }
  return samples.map(spread)
}
