// GET /v1/logs/{target}: the latest lines, and with follow=1 each new one after them.

import { HoldfastError } from '../errors/holdfast-error.ts'
import { type FollowedLogs, followLogs } from '../logs/follow-logs.ts'
import type { LogLine, LogStream } from '../logs/log-line.ts'
import { mergeLogs } from '../logs/merge-logs.ts'
import { type ReadLogOptions, readLastLines } from '../logs/read-log.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import type { Engine } from '../supervisor/engine-api.ts'
import { EventStream } from './event-stream.ts'
import type { ControlHost, Reply } from './handlers.ts'
import { onNewLogs } from './new-logs.ts'
import type { Call } from './read-call.ts'
import { sendJsonArray } from './reply.ts'

const DEFAULT_LINES = 50
/** What is sorted in time, or kept for one who follows, is held in memory; one service alone is not. */
const MOST_HELD = 20_000
/** The history may be larger than what a live stream may have waiting. */
const HISTORY_BUFFER = 16 * 1024 * 1024
/** ms to wait for a disk before its history is left out. */
const DISK_DEADLINE = 2_000

interface Asked {
  readonly logs: readonly ServiceLog[]
  /** null: all. */
  readonly workers: readonly string[] | null
}

export async function answerLogs({ engine }: ControlHost, call: Call, reply: Reply): Promise<void> {
  const targets = call.targets.length > 0 ? call.targets : ['all']
  const asked = askedLogs(engine, targets)
  if (call.options.follow === true) return follow(engine, asked, { ...call, targets }, reply)
  const lines = mergeHistories(await histories(asked, call), call)
  if (!call.wantsEvents) return sendJsonArray(reply.response, lines)
  const stream = new EventStream(reply, HISTORY_BUFFER)
  try {
    for await (const line of lines) {
      if (!stream.send('line', line)) await stream.drained()
      if (stream.over) return
    }
    stream.end('done', {})
  } catch (error) {
    stream.fail(error)
  }
}

/** Whole services, and single workers of others, apart: they are filtered differently. */
function askedLogs(engine: Engine, targets: readonly string[]): Asked[] {
  const resolved = engine.resolve(targets)
  const whole = resolved.filter(({ slots }) => slots === null).map(({ service }) => service)
  const single = resolved.filter(({ slots }) => slots !== null)
  const logsOf = (services: readonly string[]) => (services.length > 0 ? engine.serviceLogs(services) : [])
  return [
    { logs: logsOf(whole), workers: null },
    ...single.map(({ service, slots }) => ({
      logs: logsOf([service]),
      workers: (slots ?? []).map((slot) => `${service}/${slot}`),
    })),
  ]
}

function filterOf(call: Call): { since?: Date; stream?: LogStream } {
  const { since, stream } = call.options
  if (stream !== undefined && stream !== 'out' && stream !== 'err') {
    throw new HoldfastError('HF_BAD_REQUEST', { problem: 'stream must be out or err' })
  }
  return {
    ...(since === undefined ? {} : { since: new Date(Date.now() - Number(since)) }),
    ...(stream ? { stream } : {}),
  }
}

/** With `since` alone all of them. */
function linesWanted(call: Call): number {
  const { lines, since } = call.options
  return typeof lines === 'number' ? lines : since === undefined ? DEFAULT_LINES : Number.POSITIVE_INFINITY
}

async function histories(asked: readonly Asked[], call: Call): Promise<AsyncGenerator<LogLine>[]> {
  const base = { ...filterOf(call), lines: linesWanted(call) }
  const sources = asked.flatMap(({ logs, workers }) =>
    logs.flatMap((log) =>
      log.files
        .filter((file) => base.stream === undefined || file.streams.includes(base.stream))
        .map(async (file) => {
          // What was captured just now counts as said: it is waited for, but not for ever.
          const until = await log.written(file.path, { deadline: DISK_DEADLINE })
          const raw: ReadLogOptions = file.raw ? { raw: { worker: '', stream: file.streams[0] ?? 'out' } } : {}
          const { stream, ...rest } = base
          const filter = stream === undefined || (file.raw && file.streams.length === 1) ? {} : { stream }
          return readLastLines(file.path, { ...rest, ...filter, ...raw, ...(workers ? { workers } : {}), until })
        }),
    ),
  )
  return Promise.all(sources)
}

function mergeHistories(sources: readonly AsyncGenerator<LogLine>[], call: Call): AsyncIterable<LogLine> {
  const [only, ...more] = sources
  if (only && more.length === 0) return only
  const wanted = linesWanted(call)
  return mergeLogs(sources, Number.isFinite(wanted) ? { last: Math.min(wanted, MOST_HELD) } : {})
}

async function follow(engine: Engine, asked: readonly Asked[], call: Call, reply: Reply): Promise<void> {
  const filter = filterOf(call)
  const lines = Math.min(linesWanted(call), MOST_HELD)
  const stream = new EventStream(reply, HISTORY_BUFFER)
  const open = ({ logs, workers }: Asked, history: number): FollowedLogs => {
    const options = { ...filter, lines: history, ...(workers ? { workers } : {}) }
    const followed = followLogs(logs, options, (line) => stream.send('line', line))
    stream.onOver(() => followed.close())
    return followed
  }
  const followed = asked.filter(({ logs }) => logs.length > 0).map((each) => open(each, lines))
  const later = onNewLogs(engine, (service, log) => {
    const found = resolveOrNothing(engine, call.targets).find((each) => each.service === service)
    if (found === undefined) return
    const workers = found.slots?.map((slot) => `${service}/${slot}`) ?? null
    open({ logs: [log], workers }, 0).history.catch(() => {})
  })
  stream.onOver(later)
  try {
    await Promise.all(followed.map(({ history }) => history))
  } catch (error) {
    return stream.fail(error)
  }
  // One that does not even read its history may have no more than others of what is new.
  stream.limit(stream.waiting + reply.maxStreamBuffer)
  await stream.drained()
  stream.limit(reply.maxStreamBuffer)
}

/** What was asked for may have gone with an apply. */
function resolveOrNothing(engine: Engine, targets: readonly string[]): ReturnType<Engine['resolve']> {
  try {
    return engine.resolve(targets)
  } catch {
    return []
  }
}
