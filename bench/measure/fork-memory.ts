// What the workers of a large application hold in memory, in sum: at their start, after many requests, and after a collection in each.
import { setTimeout as delay } from 'node:timers/promises'
import type { BenchRun } from '../bench-run.ts'
import { WarmApplication, type WarmWorker, WORKERS } from '../forkserver/warm-application.ts'
import { type Load, loadOf } from '../http-contest.ts'
import { pss } from '../proc-figures.ts'
import { figure, type Section } from '../section.ts'

const MOMENTS = ['at start', 'after the requests', 'after a full collection'] as const
/** `reforked`: forked from a worker that has answered so many requests. */
const REFORK_AFTER = 10_000
const ROWS = [
  { name: 'forked', way: 'forked', refork: null },
  { name: 'reforked', way: 'forked', refork: REFORK_AFTER },
  { name: 'spawned', way: 'spawned', refork: null },
  { name: 'cluster', way: 'cluster', refork: null },
] as const
type Row = (typeof ROWS)[number]['name']
/** Of what is spawned. */
const LIMITS = [0.25, 0.5, null] as const
const SETTLE_MILLIS = 5_000
/** Each worker is asked through a port of its own. */
const CONNECTIONS = 8
/** To all of them. */
const SHARED_CONNECTIONS = 32
const MEGABYTE = 1_024

interface Moment {
  /** MB, of all processes but the supervisor. */
  readonly sum: number
  /** MB, mean of the workers. */
  readonly each: number
}

export async function measureForkMemory(run: BenchRun): Promise<Section> {
  const requests = run.quick ? 5_000 : 100_000
  const { load } = loadOf(run, CONNECTIONS)
  const found = {} as Record<Row, Moment[]>
  for (const { name, way, refork } of ROWS) {
    run.progress(`fork-memory: ${name}`)
    const application = await new WarmApplication(run, `memory-${name}`, way, refork).start()
    if (refork !== null) await application.refork(loadOf(run, SHARED_CONNECTIONS).load)
    await delay(run.quick ? 1_000 : SETTLE_MILLIS)
    const moments = [momentOf(application)]
    for (const worker of application.workers) await bring(requests, worker, load)
    moments.push(momentOf(application))
    for (const { port } of application.workers) await ask(port, '/gc')
    moments.push(momentOf(application))
    found[name] = moments
    await run.scratch.endMeasurement()
  }
  return section(found, requests)
}

function momentOf({ pids, workers }: WarmApplication): Moment {
  const sum = (of: readonly number[]): number => of.reduce((all, pid) => all + pss(pid), 0) / MEGABYTE
  return { sum: sum(pids), each: sum(workers.map(({ pid }) => pid)) / workers.length }
}

/** Until it has answered so many. */
async function bring(requests: number, { port }: WarmWorker, load: Load): Promise<void> {
  let perSecond = 2_000
  // One that was forked from a worker goes on counting.
  const before = Number(await ask(port, '/count'))
  for (let answered = 0; answered < requests; answered = Number(await ask(port, '/count')) - before) {
    const seconds = Math.max(1, Math.ceil((requests - answered) / perSecond))
    perSecond = (await load(port, Math.min(seconds, 10))).perSecond
  }
}

async function ask(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
  return response.text()
}

function section(found: Readonly<Record<Row, readonly Moment[]>>, requests: number): Section {
  const share = (row: Row, moment: number): number =>
    (found[row][moment]?.sum ?? Number.NaN) / (found.spawned[moment]?.sum ?? Number.NaN)
  const shares = (row: Row): string[] => MOMENTS.map((_, moment) => `${figure(share(row, moment) * 100)} %`)
  const cell = ({ sum, each }: Moment): string => `${figure(sum)} MB (${figure(each)} each)`
  return {
    title: `forkserver: memory of ${WORKERS} workers, ${requests} requests to each (PSS in sum, the forkserver with it)`,
    columns: ['workers', ...MOMENTS],
    rows: [
      ...ROWS.map(({ name }) => [name, ...found[name].map(cell)]),
      ['forked of spawned', ...shares('forked')],
      ['reforked of spawned', ...shares('reforked')],
    ],
    targets: MOMENTS.flatMap((name, moment) => {
      const limit = LIMITS[moment] ?? null
      if (limit === null) return []
      // Requests go on while workers are replaced: what has been forked from a worker has no start of its own.
      const rows: readonly Row[] = moment === 0 ? ['forked'] : ['forked', 'reforked']
      return rows.map((row) => ({
        name: `${row} of spawned ${name}`,
        value: share(row, moment),
        limit,
      }))
    }),
    notes: [
      `reforked: from a worker that had answered ${REFORK_AFTER} requests; its start is after that`,
      'without the supervisor, some 15 MB in both cases; with the primary of node:cluster',
    ],
    data: found,
  }
}
