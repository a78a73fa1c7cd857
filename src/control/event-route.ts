// GET /v1/events: the latest journal entries, and with follow=1 each new one after them, none twice and none left out.
import { readJournal } from '../logs/journal-file.ts'
import type { Engine, JournalEntry } from '../supervisor/engine-api.ts'
import { EventStream } from './event-stream.ts'
import type { ControlHost, Reply } from './handlers.ts'
import type { Call } from './read-call.ts'
import { sendJson } from './reply.ts'

const DEFAULT_ENTRIES = 50
const MOST_ENTRIES = 10_000
const HISTORY_BUFFER = 16 * 1024 * 1024

type Filter = (entry: JournalEntry) => boolean

export async function answerEvents({ engine }: ControlHost, call: Call, reply: Reply): Promise<void> {
  const { last, target, follow } = call.options
  const accepts = filterFor(engine, (target ?? []) as readonly string[])
  const count = Math.min(typeof last === 'number' ? last : DEFAULT_ENTRIES, MOST_ENTRIES)
  if (follow === true) return followEvents(engine, count, accepts, reply)
  const entries = await latest(engine, count, accepts)
  if (!call.wantsEvents) return sendJson(reply.response, 200, entries)
  const stream = new EventStream(reply, HISTORY_BUFFER)
  for (const entry of entries) stream.send('entry', entry)
  stream.end('done', {})
}

async function followEvents(engine: Engine, count: number, accepts: Filter, reply: Reply): Promise<void> {
  const stream = new EventStream(reply, HISTORY_BUFFER)
  let waiting: JournalEntry[] | null = []
  const unsubscribe = engine.onEvent((entry) => {
    if (!accepts(entry)) return
    if (waiting) waiting.push(entry)
    else stream.send('entry', entry)
  })
  stream.onOver(unsubscribe)
  try {
    const history = await latest(engine, count, accepts)
    const told = new Set(history.map(identityOf))
    for (const entry of history) stream.send('entry', entry)
    for (const entry of waiting) if (!told.has(identityOf(entry))) stream.send('entry', entry)
    waiting = null
  } catch (error) {
    return stream.fail(error)
  }
  // One that does not even read its history may have no more than others of what is new.
  stream.limit(stream.waiting + reply.maxStreamBuffer)
  await stream.drained()
  stream.limit(reply.maxStreamBuffer)
}

async function latest(engine: Engine, last: number, filter: Filter): Promise<JournalEntry[]> {
  await engine.journalWritten()
  return last > 0 ? readJournal<JournalEntry>(engine.journalFile, { last, filter }) : []
}

/** `seq` counts within one supervisor's life only. */
function identityOf({ at, seq }: JournalEntry): string {
  return `${seq} ${at}`
}

function filterFor(engine: Engine, targets: readonly string[]): Filter {
  if (targets.length === 0) return () => true
  const services = new Set<string>()
  const workers = new Set<string>()
  for (const { service, slots } of engine.resolve(targets)) {
    if (slots === null) services.add(service)
    else for (const slot of slots) workers.add(`${service}/${slot}`)
  }
  return ({ service, worker }) =>
    (service !== undefined && services.has(service)) || (worker !== undefined && workers.has(worker))
}
