// The quickstart application under load, while it is restarted, scaled and killed at: how many requests fail?
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from '../bench-run.ts'
import { Holdfast } from '../holdfast.ts'
import { portOf } from '../http-contest.ts'
import { figure, type Section } from '../section.ts'

const FRESH_PER_SECOND = 500
const KEEP_ALIVE = 50
const GAP_MILLIS = 20

const OUTCOMES = ['ok', 'refused', 'reset', 'closed', 'bad', 'timeout', 'local'] as const
type Counts = Readonly<Record<(typeof OUTCOMES)[number], number>>

interface LoadReport {
  readonly fresh: Counts
  readonly keepAlive: Counts
  readonly medianMs: number
  readonly p95Ms: number
  readonly maxMs: number
}

interface Found extends LoadReport {
  readonly scenario: string
  readonly steps: number
  readonly stepFailures: readonly string[]
}

interface Scenario {
  readonly name: string
  readonly every: number
  /** Zero failures asked for; with kills only what the killed worker held may fail, but nobody may be refused. */
  readonly strict: boolean
  readonly step: (holdfast: Holdfast, step: number) => Promise<string | null>
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'rolling restart every 2 s', every: 2_000, strict: true, step: (on) => cli(on, 'restart', 'web') },
  {
    name: 'scale 2, 6, 1 every 2 s',
    every: 2_000,
    strict: true,
    step: (on, step) => cli(on, 'scale', 'web', String([6, 1, 2][step % 3])),
  },
  { name: 'kill -9 of a worker every 1 s', every: 1_000, strict: false, step: killOne },
]

export async function measureRollingRestart(run: BenchRun): Promise<Section> {
  const yaml = readFileSync(join(run.root, 'examples/quickstart/holdfast.yaml'), 'utf8')
    .replace(/^name:.*$/m, '')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:0')
  const directory = join(run.root, 'examples/quickstart')
  const options = { yaml: `${yaml}\ndefaults:\n  cwd: ${directory}\n` }
  const found: Found[] = []
  for (const [index, scenario] of SCENARIOS.entries()) {
    const holdfast = await new Holdfast(run, `rolling-${index}`, {}, options).up()
    found.push(await runScenario(run, holdfast, scenario))
    await holdfast.down()
  }
  return section(found)
}

async function runScenario(run: BenchRun, holdfast: Holdfast, scenario: Scenario): Promise<Found> {
  const { scratch, programs, quick, progress } = run
  const seconds = quick ? 8 : 60
  progress(`quickstart under load: ${scenario.name} for ${seconds} s`)
  const port = portOf((await holdfast.status()).sockets.find(({ name }) => name === 'http')?.listen ?? '')
  const args = [port, seconds, FRESH_PER_SECOND, KEEP_ALIVE, GAP_MILLIS].map(String)
  const load = scratch.spawn(programs['http-clients'], args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (load.stdout === null) throw new Error('no output')
  const report = once(createInterface(load.stdout), 'line') as Promise<[string]>
  const until = performance.now() + seconds * 1_000
  const stepFailures: string[] = []
  let steps = 0
  for (let due = performance.now() + 1_000; due < until - 500; due += scenario.every) {
    await delay(Math.max(0, due - performance.now()))
    const failure = await scenario.step(holdfast, steps++)
    if (failure !== null) stepFailures.push(failure)
  }
  const [line] = await report
  return { scenario: scenario.name, steps, stepFailures, ...(JSON.parse(line) as LoadReport) }
}

async function cli(holdfast: Holdfast, ...words: string[]): Promise<string | null> {
  const { code, stderr } = await holdfast.command(words)
  return code === 0 ? null : `${words.join(' ')} exited with ${code}: ${stderr.trim()}`
}

async function killOne(holdfast: Holdfast): Promise<string | null> {
  const pids = (await holdfast.status()).services
    .filter(({ name }) => name === 'web')
    .flatMap(({ workers }) => workers.flatMap(({ pid }) => (pid === null ? [] : [pid])))
  const victim = pids[Math.floor(Math.random() * pids.length)]
  if (victim === undefined) return 'no worker to kill'
  process.kill(victim, 'SIGKILL')
  return null
}

function section(found: readonly Found[]): Section {
  const failed = ({ fresh, keepAlive }: LoadReport): number =>
    OUTCOMES.filter((outcome) => outcome !== 'ok').reduce(
      (sum, outcome) => sum + fresh[outcome] + keepAlive[outcome],
      0,
    )
  const refused = ({ fresh, keepAlive }: LoadReport): number => fresh.refused + keepAlive.refused
  const strict = (name: string): boolean => SCENARIOS.some((scenario) => scenario.name === name && scenario.strict)
  const shown = (counts: Counts): string[] => [
    String(counts.ok),
    String(counts.refused),
    String(counts.reset),
    String(counts.closed),
    String(counts.bad + counts.timeout + counts.local),
  ]
  return {
    title: `quickstart under ${FRESH_PER_SECOND} new connections/s and ${KEEP_ALIVE} keep-alive clients (gap ${GAP_MILLIS} ms)`,
    columns: ['scenario and clients', 'steps', 'ok', 'refused', 'reset', 'closed', 'other', 'median', 'p95', 'max'],
    rows: found.flatMap((one) => [
      [
        `${one.scenario}: new`,
        String(one.steps),
        ...shown(one.fresh),
        ...[one.medianMs, one.p95Ms, one.maxMs].map((value) => `${figure(value)} ms`),
      ],
      [`${one.scenario}: keep-alive`, '', ...shown(one.keepAlive)],
    ]),
    targets: found.flatMap((one) => [
      ...(strict(one.scenario) ? [{ name: `${one.scenario}, failed requests`, value: failed(one), limit: 0 }] : []),
      { name: `${one.scenario}, refused`, value: refused(one), limit: 0 },
      { name: `${one.scenario}, commands that failed`, value: one.stepFailures.length, limit: 0 },
    ]),
    notes: [
      'reset, closed: the connection ended after a request had been written and before its answer was complete',
      'latencies are of new and keep-alive requests together',
      ...found.flatMap(({ stepFailures }) => stepFailures.slice(0, 3)),
    ],
    data: found,
  }
}
