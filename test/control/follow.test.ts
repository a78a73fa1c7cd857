import { writeSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callSupervisor } from '../../src/control/client.ts'
import { JournalFile } from '../../src/logs/journal-file.ts'
import type { LogLine } from '../../src/logs/log-line.ts'
import type { JournalEntry } from '../../src/supervisor/engine-api.ts'
import { captureSetup } from '../logs/capture-setup.ts'
import { type Fixture, openFixture, until } from './fixture.ts'

let fixture: Fixture
beforeEach(async () => {
  fixture = await openFixture()
})
afterEach(() => fixture.close())

const get = (path: string) => callSupervisor(fixture.path, { method: 'GET', path })

/** Collects what a stream tells; `ended` resolves when the server ends it. */
function listen<T>(path: string, event: string) {
  const seen: T[] = []
  const onEvent = (name: string, data: unknown) => {
    if (name === event) seen.push(data as T)
  }
  const controller = new AbortController()
  const ended = callSupervisor(fixture.path, { method: 'GET', path, onEvent, signal: controller.signal })
  ended.catch(() => {})
  return { seen, ended, leave: () => controller.abort(new Error('left')) }
}

describe('events', () => {
  const entry = (seq: number, changes: Partial<JournalEntry> = {}): JournalEntry => ({
    at: `2026-01-01T00:00:00.${String(seq % 1000).padStart(3, '0')}Z`,
    seq,
    kind: 'worker',
    service: 'web',
    worker: 'web/0',
    event: 'ready',
    reason: `entry ${seq}`,
    ...changes,
  })
  let journal: JournalFile
  let seq = 0
  const emit = (changes: Partial<JournalEntry> = {}) => {
    const next = entry(++seq, changes)
    journal.append(next)
    for (const listener of [...fixture.engine.listeners]) listener(next)
  }
  beforeEach(() => {
    seq = 0
    journal = new JournalFile({ path: fixture.engine.journalFile })
    fixture.engine.journalWritten = () => journal.flush().then(() => {})
  })
  afterEach(() => journal.close())

  test('the latest ones, as an array', async () => {
    for (let i = 0; i < 5; i++) emit()
    const { body } = await get('/v1/events?last=2')
    expect((body as JournalEntry[]).map((each) => each.seq)).toEqual([4, 5])
    expect((await get('/v1/events?last=0')).body).toEqual([])
  })

  test('of one worker, of one service', async () => {
    emit()
    emit({ worker: 'web/1' })
    emit({ service: 'db', worker: 'db/0' })
    emit({ kind: 'supervisor', service: '', worker: '' })
    const seqs = async (query: string) =>
      ((await get(`/v1/events?${query}`)).body as JournalEntry[]).map((each) => each.seq)
    expect(await seqs('target=web/1')).toEqual([2])
    expect(await seqs('target=web')).toEqual([1, 2])
    expect(await seqs('target=web/0&target=db')).toEqual([1, 3])
    expect(await seqs('')).toEqual([1, 2, 3, 4])
  })

  test('followed while they come in: none twice, none left out', async () => {
    for (let i = 0; i < 100; i++) emit()
    const { seen, leave } = listen<JournalEntry>('/v1/events?follow=1&last=50', 'entry')
    // Before, while and after the history is read.
    const more = setInterval(() => emit(), 0)
    await until(() => seen.length > 200, 'it follows')
    clearInterval(more)
    await until(() => seen.at(-1)?.seq === seq, 'it has caught up')
    leave()
    const first = seen[0]?.seq ?? 0
    expect(first).toBeGreaterThan(50)
    expect(seen.map((each) => each.seq)).toEqual(Array.from({ length: seq - first + 1 }, (_, i) => first + i))
  })

  test('followed of one target only', async () => {
    const { seen, leave } = listen<JournalEntry>('/v1/events?follow=1&target=db', 'entry')
    await until(() => fixture.engine.listeners.size === 1, 'it follows')
    emit()
    emit({ service: 'db', worker: 'db/0' })
    await until(() => seen.length === 1, 'one is told')
    leave()
    expect(seen[0]?.seq).toBe(2)
  })

  test('the follower learns that the supervisor has ended', async () => {
    const { ended } = listen('/v1/events?follow=1', 'entry')
    await until(() => fixture.engine.listeners.size === 1, 'it follows')
    await fixture.server.close(1000)
    expect((await ended).event).toBe('')
    expect(fixture.engine.listeners.size).toBe(0)
  })
})

describe('logs', () => {
  const texts = (lines: unknown) => (lines as LogLine[]).map(({ line }) => line)

  test('the latest lines of all that was said before, as an array', async () => {
    const { log, openStream } = captureSetup()
    fixture.engine.logs = [log]
    await openStream().runToEnd('seq', '1', '100')
    expect(texts((await get('/v1/logs/web?lines=3')).body)).toEqual(['98', '99', '100'])
    expect(texts((await get('/v1/logs/web')).body)).toHaveLength(50)
    expect(texts((await get('/v1/logs/web?lines=1000')).body)).toHaveLength(100)
    expect(texts((await get('/v1/logs/web?lines=0')).body)).toEqual([])
    expect(texts((await get('/v1/logs/web?since=1h')).body)).toHaveLength(100)
  })

  test('of one worker and one stream', async () => {
    const { log, openStream } = captureSetup()
    fixture.engine.logs = [log]
    await openStream('web/0', 'out').runToEnd('echo', 'zero out')
    await openStream('web/1', 'out').runToEnd('echo', 'one out')
    await openStream('web/1', 'err').runToEnd('echo', 'one err')
    expect(texts((await get('/v1/logs/web%2F1')).body)).toEqual(['one out', 'one err'])
    expect(texts((await get('/v1/logs/web?stream=err')).body)).toEqual(['one err'])
    expect(texts((await get('/v1/logs/web%2F0?stream=err')).body)).toEqual([])
  })

  test('several services in the order of time', async () => {
    const web = captureSetup()
    const db = captureSetup()
    fixture.engine.logs = [web.log, db.log]
    const webStream = web.openStream('web/0')
    const dbStream = db.openStream('db/0')
    for (let i = 0; i < 3; i++) {
      await webStream.runToEnd('echo', `web ${i}`)
      await dbStream.runToEnd('echo', `db ${i}`)
    }
    expect(texts((await get('/v1/logs/web,db?lines=4')).body)).toEqual(['web 1', 'db 1', 'web 2', 'db 2'])
  })

  test('a long history is told whole to one who reads slowly', async () => {
    const { log, openStream } = captureSetup()
    fixture.engine.logs = [log]
    await openStream().runToEnd('seq', '1', '60000')
    const { seen, ended } = listen<LogLine>('/v1/logs/web?lines=60000', 'line')
    expect((await ended).event).toBe('done')
    expect(seen).toHaveLength(60_000)
    expect(seen.at(-1)?.line).toBe('60000')
  })

  test('followed while they come in and the file rotates: none twice, none left out', async () => {
    const { log, openStream } = captureSetup({ maxSize: 20_000 })
    fixture.engine.logs = [log]
    const stream = openStream()
    const writer = stream.openForWriting()
    let said = 0
    const say = () => {
      for (let i = 0; i < 20; i++) writeSync(writer, `line ${++said}\n`)
    }
    say()
    const more = setInterval(say, 1)
    await until(() => said > 500, 'something is there')
    const { seen, leave } = listen<LogLine>('/v1/logs/web?follow=1&lines=100', 'line')
    await until(() => seen.length > 2000, 'it follows')
    clearInterval(more)
    await until(() => seen.at(-1)?.line === `line ${said}`, 'it has caught up')
    leave()
    const first = Number(seen[0]?.line.slice(5))
    expect(first).toBeGreaterThan(1)
    expect(texts(seen)).toEqual(Array.from({ length: said - first + 1 }, (_, i) => `line ${first + i}`))
  })
})
