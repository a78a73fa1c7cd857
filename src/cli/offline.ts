// What `why`, `events` and `logs` show while no supervisor runs: the journal and the log files. A bundle of its own.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { readJournal } from '../logs/journal-file.ts'
import { mergeLogs } from '../logs/merge-logs.ts'
import { readLastLines } from '../logs/read-log.ts'
import { eventText } from '../server/event-text.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'
import { logNameOfTarget, targetOfLogName } from '../supervisor/forkserver-name.ts'
import { journalPath } from '../supervisor/runtime-paths.ts'
import { type ResolvedTarget, resolveTargets, type TargetService } from '../supervisor/targets.ts'
import type { Context } from './context.ts'
import { explainOffline } from './explain-offline.ts'
import { LineWriter, logLineText } from './log-text.ts'
import { whyText } from './why-text.ts'

export type OfflineVerb = 'why' | 'events' | 'logs'

export interface RecordDirectories {
  readonly stateDir: string
  readonly logDir: string
}

const DEFAULT_COUNT = 50
/** Enough of the journal to know every service and to explain its end. */
const ENTRIES_READ = 20_000
const SUPERVISOR_LOG = 'holdfast'

export async function offline(context: Context, verb: OfflineVerb, directories: RecordDirectories): Promise<number> {
  const journal = await readJournal<JournalEntry>(journalPath(directories.stateDir), { last: ENTRIES_READ })
  sayNotRunning(context, journal)
  if (verb === 'events') showEvents(context, journal, directories)
  else if (verb === 'why') showWhy(context, journal, directories)
  else await showLogs(context, journal, directories)
  if (context.command.options.follow) context.err.write('there is nothing to follow\n')
  return 0
}

function sayNotRunning({ command, out, err }: Context, journal: readonly JournalEntry[]): void {
  const since = journal.at(-1)?.at ?? 'an unknown time'
  // What a program reads stays JSON.
  const { write } = command.global.json ? err : out
  write(`supervisor not running since ${since}\n`)
}

function showEvents(context: Context, journal: readonly JournalEntry[], directories: RecordDirectories): void {
  const { command, out, paint } = context
  const wanted = command.arguments.length > 0 ? selectorOf(resolve(context, journal, directories)) : () => true
  const count = typeof command.options.lines === 'number' ? command.options.lines : DEFAULT_COUNT
  const entries = count > 0 ? journal.filter(wanted).slice(-count) : []
  for (const entry of entries) out.write(command.global.json ? `${JSON.stringify(entry)}\n` : eventText(entry, paint))
}

function showWhy(context: Context, journal: readonly JournalEntry[], directories: RecordDirectories): void {
  const { command, out, paint } = context
  const [target = 'all'] = command.arguments
  const report = explainOffline(target, journal.filter(selectorOf(resolve(context, journal, directories))))
  out.write(command.global.json ? `${JSON.stringify(report)}\n` : whyText(report, paint))
}

async function showLogs(
  context: Context,
  journal: readonly JournalEntry[],
  directories: RecordDirectories,
): Promise<void> {
  const { command, out, paint } = context
  const { since, stream, lines: asked } = command.options
  const lines = typeof asked === 'number' ? asked : since === undefined ? DEFAULT_COUNT : Number.POSITIVE_INFINITY
  const filter = {
    lines,
    ...(typeof since === 'number' ? { since: new Date(Date.now() - since) } : {}),
    ...(stream === 'out' || stream === 'err' ? ({ stream } as const) : {}),
  }
  const sources = resolve(context, journal, directories).map(({ service, slots }) =>
    readLastLines(join(directories.logDir, `${logNameOfTarget(service)}.log`), {
      ...filter,
      ...(slots === null ? {} : { workers: slots.map((slot) => `${service}/${slot}`) }),
    }),
  )
  const writer = new LineWriter(out)
  for await (const line of mergeLogs(sources, Number.isFinite(lines) ? { last: lines } : {})) {
    writer.write(command.global.json ? `${JSON.stringify(line)}\n` : logLineText(line, out.isTty, paint))
  }
  writer.flush()
}

function resolve(
  { command }: Context,
  journal: readonly JournalEntry[],
  directories: RecordDirectories,
): ResolvedTarget[] {
  const targets = command.arguments.length > 0 ? command.arguments : ['all']
  return resolveTargets(targets, knownServices(journal, directories.logDir))
}

/** Those of the journal and those that have a log. Tags are not known. */
function knownServices(journal: readonly JournalEntry[], logDir: string): TargetService[] {
  const slots = new Map<string, Set<number>>()
  for (const file of logFilesIn(logDir)) {
    const name = targetOfLogName(file.slice(0, -'.log'.length))
    if (name !== SUPERVISOR_LOG) slots.set(name, new Set())
  }
  for (const { service, worker } of journal) {
    if (service === undefined) continue
    const known = slots.get(service) ?? new Set()
    slots.set(service, known)
    const slot = worker?.split('/')[1]
    if (slot !== undefined) known.add(Number(slot))
  }
  return [...slots].map(([name, of]) => ({ name, tags: [], slots: [...of] }))
}

function logFilesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter((file) => file.endsWith('.log'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    const problem = (error as Error).message
    throw new HoldfastError('HF_DIRECTORY', {
      what: 'log directory',
      dir: directory,
      problem,
      mend: 'Check its owner and mode.',
    })
  }
}

function selectorOf(targets: readonly ResolvedTarget[]): (entry: JournalEntry) => boolean {
  const slotsOf = new Map(targets.map(({ service, slots }) => [service, slots]))
  return ({ service, worker }) => {
    const slots = service === undefined ? undefined : slotsOf.get(service)
    if (slots === undefined) return false
    return slots === null || slots.includes(Number(worker?.split('/')[1] ?? -1))
  }
}
