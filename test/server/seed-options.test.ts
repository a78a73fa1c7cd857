// docs/reference/seed-options.md: every name of ours is there, what is said to come later is not, and no row gets lost.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { evaluateOptions } from '../../src/server/server-spec.ts'
import { look, membersOf } from './seed-names.ts'
import { namesIn, readTables, type SeedName, type SeedRow, strayIn } from './seed-page.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/reference/seed-options.md'), 'utf8')
const tables = readTables(page)

/** How many rows each table has at least. What the old programs had does not become less. */
const FLOORS: Readonly<Record<string, number>> = {
  'ControlFreak / cfkd: options': 7,
  'ControlFreak / cfkd: files': 5,
  'ControlFreak / cfkd: signals': 6,
  'ControlFreak / cfkctl': 24,
  'ControlFreak / The management protocol': 30,
  'ControlFreak / Attributes of a service': 25,
  'ControlFreak / States of a service': 7,
  'ControlFreak / Attributes of a socket': 7,
  'ControlFreak / The proxy (ControlFreak::Proxy)': 15,
  'ControlFreak / Environment of a service': 3,
  'ControlFreak / Logging': 7,
  'ControlFreak / The Perl modules': 25,
  'HADaemon::Control / Options': 43,
  'HADaemon::Control / Commands': 12,
  'HADaemon::Control / Environment, and what the program is given': 5,
  'HADaemon::Control / IPC::ConcurrencyLimit': 26,
  'HADaemon::Control / Daemon::Control: options': 31,
  'HADaemon::Control / Daemon::Control: commands and environment': 11,
  'ServerEngine / Configuration': 62,
  'ServerEngine / Signals': 21,
  'ServerEngine / Words of the command pipe': 7,
  'ServerEngine / Hooks': 24,
  'ServerEngine / Utilities': 26,
  'ServerEngine / Environment': 7,
  'Acme::Ghost / Options': 17,
  'Acme::Ghost / Commands': 5,
  'Acme::Ghost / Signals': 9,
  'Acme::Ghost / Methods': 20,
  'Acme::Ghost / Hooks': 11,
  'Acme::Ghost / Environment, FilePid, Log': 12,
  'Acme::Ghost / Prefork of Mojolicious, its model': 17,
}

/** Options that the types allow, and the server refuses: with what they are refused today. */
const REFUSED: Readonly<Record<string, Partial<ServerOptions>>> = {
  slots: { slots: {} },
  'workerType=fork': { workerType: 'fork' },
}

async function isRefused(options: Partial<ServerOptions>): Promise<boolean> {
  const usual: ServerOptions = { name: 'shop', worker: { run() {} }, ...options }
  return evaluateOptions(usual, '/srv/shop.mjs', {}).then(
    () => false,
    () => true,
  )
}

test('the floors name the tables, in their order', () => {
  expect(tables.map(({ title }) => title)).toEqual(Object.keys(FLOORS))
})

describe.each(tables.map((table) => [table.title, table] as const))('%s', (title, { rows }) => {
  test('has all its rows, each once', () => {
    expect(rows.length).toBeGreaterThanOrEqual(FLOORS[title] ?? Number.POSITIVE_INFINITY)
    const theirs = rows.map((row) => row.theirs)
    expect(theirs.filter((name, index) => name === '' || theirs.indexOf(name) < index)).toEqual([])
  })

  test('each row has a name of ours, or says why there is none', () => {
    expect(rows.filter(({ ours, note }) => ours === '' && note === '')).toEqual([])
    expect(rows.filter(({ ours }) => strayIn(ours) !== '')).toEqual([])
  })

  test('names that are there', () => {
    const names = namesOf(rows).filter(({ later }) => !later)
    expect(names.filter(({ kind, name }) => !['there', 'partly'].includes(look(kind, name))).map(placed)).toEqual([])
  })

  test('names that come later: what is there now must not be called so any more', async () => {
    for (const wanted of namesOf(rows).filter(({ later }) => later)) {
      const refused = wanted.kind === 'option' ? REFUSED[wanted.name] : undefined
      const isBuilt = refused === undefined ? look(wanted.kind, wanted.name) === 'there' : !(await isRefused(refused))
      expect.soft(isBuilt, `${placed(wanted)} is there now: take "later" away, and mend the note`).toBe(false)
    }
  })
})

function namesOf(rows: readonly SeedRow[]): (SeedName & { readonly line: number })[] {
  return rows.flatMap(({ line, ours, note }) => namesIn(`${ours} ${note}`).map((name) => ({ line, ...name })))
}

function placed({ line, kind, name }: SeedName & { readonly line: number }): string {
  return `line ${line}: ${kind} ${name}`
}

test('names in the text between the tables', () => {
  const text = page
    .split('\n')
    .filter((line) => !line.startsWith('|'))
    .join('\n')
  const names = namesIn(text).filter(({ kind, name }) => kind !== 'option' || !Object.hasOwn(REFUSED, name))
  expect(names.filter(({ kind, name, later }) => (look(kind, name) === 'there') === later)).toEqual([])
})

test('the usual options are not refused', async () => {
  expect(await isRefused({})).toBe(false)
})

test('the looking up can fail', () => {
  expect(membersOf('ServerHooks')).toContain('beforeRun')
  expect(membersOf('WorkerContext')).toEqual(expect.arrayContaining(['workerId', 'listen', 'tick']))
  expect(membersOf('Supervisor')).toEqual(expect.arrayContaining(['apply', 'operate']))
  for (const [kind, name] of [
    ['config', 'services.restart.maxRetry'],
    ['config', 'forkservers.preloads'],
    ['option', 'initFile.codes'],
    ['option', 'serverProcess.rollout'],
    ['option', 'serverProcess.stop.files'],
    ['option', 'instances'],
    ['option', 'workerType=fibre'],
    ['command', 'rolling_restart'],
    ['verb', 'start --detach'],
    ['hook', 'server.before_run'],
    ['hook', 'worker.spawn'],
    ['map', 'puma'],
    ['action', 'reopen'],
    ['signal', 'WINCH'],
    ['sdk', 'ctx.ticks'],
    ['api', 'LiveServer'],
    ['api', 'RunningServer.heal'],
    ['route', 'GET /v1/state'],
    ['env', 'HOLDFAST_SLOTS'],
    ['state', 'fail'],
  ] as const) {
    expect(`${kind} ${name} is ${look(kind, name)}`).toBe(`${kind} ${name} is missing`)
  }
})
