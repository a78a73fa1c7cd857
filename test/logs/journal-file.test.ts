import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { JournalFile, readJournal } from '../../src/logs/journal-file.ts'
import { eventually, filesOfSet, linesOf, temporaryDirectory } from './support.ts'

const journal = (options: { maxSize?: number; keep?: number } = {}) => {
  const path = join(temporaryDirectory(), 'events.jsonl')
  return { path, file: new JournalFile({ path, ...options }) }
}

describe('JournalFile', () => {
  test('one JSON object a line, read back in order', async () => {
    const { path, file } = journal()
    file.append({ seq: 1, reason: 'two\nlines, an umlaut: ü' })
    file.append({ seq: 2 })
    await file.close()
    expect(linesOf(readFileSync(path)).length).toBe(2)
    expect(await readJournal(path)).toEqual([{ seq: 1, reason: 'two\nlines, an umlaut: ü' }, { seq: 2 }])
  })

  test('the last so many that pass a filter, across rotated files', async () => {
    const { path, file } = journal({ maxSize: 2_000, keep: 50 })
    for (let seq = 0; seq < 500; seq++) file.append({ seq, service: seq % 2 ? 'web' : 'db' })
    await file.close()
    expect(filesOfSet(path).length).toBeGreaterThan(5)
    const all = await readJournal<{ seq: number; service: string }>(path)
    expect(all.map(({ seq }) => seq)).toEqual(Array.from({ length: 500 }, (_, seq) => seq))
    const web = await readJournal<{ seq: number; service: string }>(path, {
      last: 3,
      filter: ({ service }) => service === 'web',
    })
    expect(web.map(({ seq }) => seq)).toEqual([495, 497, 499])
  })

  test('a torn tail is skipped, and the next writer does not mix with it', async () => {
    const { path, file } = journal()
    file.append({ seq: 1 })
    await file.close()
    appendFileSync(path, '{"seq":2,"reas')
    expect(await readJournal(path)).toEqual([{ seq: 1 }])
    const next = new JournalFile({ path })
    next.append({ seq: 3 })
    await next.close()
    expect(await readJournal(path)).toEqual([{ seq: 1 }, { seq: 3 }])
  })

  test('garbage is skipped', async () => {
    const { path } = journal()
    writeFileSync(
      path,
      Buffer.concat([
        Buffer.from('{"seq":1}\nnonsense\n[]\n"text"\nnull\n'),
        Buffer.from([0, 255, 10]),
        Buffer.from('{"seq":2}\n'),
      ]),
    )
    expect(await readJournal(path)).toEqual([{ seq: 1 }, { seq: 2 }])
  })

  test('no journal: no entries', async () => {
    expect(await readJournal(join(temporaryDirectory(), 'none'))).toEqual([])
  })

  test('on a disk that takes nothing it drops and counts, and says so when it can write again', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'events.jsonl')
    const { mkdirSync, rmdirSync } = await import('node:fs')
    mkdirSync(path)
    const file = new JournalFile({ path })
    const entry = { text: 'x'.repeat(1_000) }
    for (let seq = 0; seq < 3_000; seq++) file.append({ seq, ...entry })
    await eventually('trouble', () => file.trouble !== null)
    rmdirSync(path)
    await file.flush()
    await eventually('the gap is told', () => readFileSync(path, 'utf8').includes('journal-gap'))
    file.append({ seq: 'after' })
    await file.close()
    const entries = await readJournal<{ seq?: number | string; event?: string; reason?: string }>(path, { last: 5_000 })
    const kept = entries.filter(({ seq }) => typeof seq === 'number').length
    expect(kept).toBeLessThan(1_100)
    expect(entries.slice(0, kept).map(({ seq }) => seq)).toEqual(Array.from({ length: kept }, (_, seq) => seq))
    expect(entries[kept]).toMatchObject({
      event: 'journal-gap',
      reason: expect.stringContaining(`${3_000 - kept} entries are missing`),
    })
    expect(entries.at(-1)).toEqual({ seq: 'after' })
  })
})
