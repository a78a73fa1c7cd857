import { execFileSync } from 'node:child_process'
import { linkSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DUMP_EXPRESSION, parseProcessDump } from '../../src/wire/dump-expression.ts'
import { formatDump, type ProcessDump } from '../../src/wire/dump-text.ts'
import { describeProcess } from '../../src/worker/process-dump.ts'
import { isRoot, until, useScratch, within } from '../os/scratch.ts'

const scratch = useScratch()

/** Runs it in a process of its own and returns what it prints. */
function run(source: string): Promise<unknown> {
  return scratch.now.program(`import { describeProcess, writeDump } from 'src/worker/process-dump.ts'\n${source}`)
}

const EMPTY: ProcessDump = {
  at: '2025-01-31T12:00:00.000Z',
  pid: 7,
  title: 'node app.js',
  node: 'v22.12.0',
  uptime: 61.25,
  stack: [],
  resources: {},
  memory: {},
  heap: {},
  heapSpaces: [],
  usage: {},
  eventLoop: {},
}

test('a process describes itself, with the stack of the one who asks', () => {
  function whoAsks(): ProcessDump {
    return describeProcess()
  }
  const dump = whoAsks()
  expect(dump).toMatchObject({ pid: process.pid, title: process.title, node: process.version })
  expect(dump.stack.join('\n')).toMatch(/at describeProcess.*\n.*at whoAsks/)
  expect(dump.memory.rss).toBeGreaterThan(1e6)
  expect(dump.heap.heap_size_limit).toBeGreaterThan(1e6)
  expect(dump.heapSpaces.map(({ space }) => space)).toContain('old')
  expect(dump.usage.maxRSS).toBeGreaterThan(1000)
  expect(Object.values(dump.resources).every((count) => count > 0)).toBe(true)
  expect(Math.abs(Date.parse(dump.at) - Date.now())).toBeLessThan(10_000)
})

test('the way that the program sees errors is left as it was', async () => {
  const source = `
    const prepare = (error: Error) => 'mine: ' + error.message
    Error.prepareStackTrace = prepare
    Error.stackTraceLimit = 3
    const { stack } = describeProcess()
    const kept = [Error.prepareStackTrace === prepare, Error.stackTraceLimit]
    Error.prepareStackTrace = undefined
    delete Error.prepareStackTrace
    describeProcess()
    console.log(JSON.stringify([stack.length > 3, ...kept, 'prepareStackTrace' in Error]))`
  expect(await run(source)).toEqual([true, true, 3, false])
})

test('the text', () => {
  const heapSpaces = [{ space: 'old', used: 1234567, size: 8, available: 0, physical: 9 }]
  const dump = { ...EMPTY, resources: { PipeWrap: 2 }, memory: { rss: 50_123_456 }, heapSpaces }
  const workers = [
    { worker: 'web/0', pid: 12, state: 'ready' },
    { worker: 'web/10', pid: null, state: 'stopped' },
  ]
  const text = formatDump({ ...dump, eventLoop: { idle: 3000, active: 1000, utilization: 0.25 } }, workers)
  const lines = text.split('\n')
  expect(lines[0]).toBe('Dump at 2025-01-31T12:00:00.000Z process 7 (node app.js)')
  expect(lines).toContain('    Node v22.12.0, up 61.3 s')
  expect(lines).toContain('             2 PipeWrap')
  expect(lines).toContain('    50,123,456 rss')
  expect(lines).toContain('    old    1,234,567     8          0         9')
  expect(lines).toContain('    25.0 % busy since the start (idle 3,000 ms, active 1,000 ms)')
  expect(lines).toContain('    worker  pid  state')
  expect(lines).toContain('    web/10    -  stopped')
  expect(text.endsWith('\n\n')).toBe(true)
})

test('what another process says is neither trusted nor obeyed', () => {
  expect(parseProcessDump('not JSON')).toBeNull()
  expect(parseProcessDump('[]')).toBeNull()
  expect(parseProcessDump('{"pid":"1"}')).toBeNull()
  const said = {
    pid: 1,
    title: 'a\u001b[2Jb\nc',
    stack: ['at x', 5, ' '],
    memory: { rss: 'much', heap: 3 },
    heapSpaces: [7, {}],
  }
  const dump = parseProcessDump(JSON.stringify(said))
  expect(dump).toMatchObject({ title: 'a?[2Jb?c', stack: ['at x'], memory: { heap: 3 }, resources: {}, uptime: 0 })
  expect(formatDump(dump ?? EMPTY).split('\n')[0]).toBe('Dump at  process 1 (a?[2Jb?c)')
})

test('the expression is one that fails for no program', () => {
  const names = Object.keys(
    JSON.parse(
      String(
        process.getBuiltinModule('node:vm').runInNewContext(DUMP_EXPRESSION, {
          process: { version: 'v0', uptime: () => 1, pid: 1, title: '' },
        }),
      ),
    ),
  )
  expect(names.sort()).toEqual(Object.keys({ ...EMPTY }).sort())
})

test('a dump is appended to a file that nobody else may read', async () => {
  const path = scratch.now.path('dump.log')
  const source = `
    process.umask(0)
    process.env.SIGDUMP_PATH = ${JSON.stringify(path)}
    const where = [writeDump(), writeDump({ workers: [{ worker: 'web/0' }] })]
    console.log(JSON.stringify([process.pid, ...where]))`
  const [pid, ...where] = (await run(source)) as [number, string, string]
  expect(where).toEqual([path, path])
  const text = readFileSync(path, 'utf8')
  expect(text.match(new RegExp(`^Dump at \\S+ process ${pid} `, 'gm'))).toHaveLength(2)
  expect(text).toContain('  Workers:\n    worker\n    web/0\n')
  expect(lstatSync(path).mode & 0o7777).toBe(0o600)
})

test('without a path it is named for the process, in the directory for temporary files', async () => {
  const source = `
    process.env.TMPDIR = ${JSON.stringify(scratch.now.directory)}
    delete process.env.SIGDUMP_PATH
    console.log(JSON.stringify([process.pid, writeDump()]))`
  const [pid, where] = (await run(source)) as [number, string]
  expect(where).toBe(scratch.now.path(`holdfast-dump-${pid}.log`))
  expect(readFileSync(where, 'utf8')).toContain('Heap statistics:')
})

test('- and + are stdout and stderr', async () => {
  const file = scratch.now.bundle(
    "import { writeDump } from 'src/worker/process-dump.ts'\nwriteDump({ path: process.argv[2] })",
  )
  const both = ['-', '+'].map((path) =>
    execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1 >&-', process.execPath, file, path]),
  )
  expect(both.map(String)).toEqual(['', expect.stringMatching(/^Dump at /)])
  expect(String(execFileSync(process.execPath, [file, '-']))).toMatch(/^Dump at /)
})

test('what others put in its place is not written to', async () => {
  const target = scratch.now.path('target')
  writeFileSync(target, 'untouched')
  const paths = ['link', 'second-name', 'fifo', 'not-ours'].map((name) => scratch.now.path(name))
  const [link = '', secondName = '', fifo = '', notOurs = ''] = paths
  symlinkSync(target, link)
  linkSync(target, secondName)
  execFileSync('mkfifo', [fifo])
  writeFileSync(notOurs, '')
  // Without root there is nobody else whose file it could be: a directory is refused as well.
  if (isRoot) execFileSync('chown', ['65534', notOurs])
  const source = `
    const attempt = (path: string) => { try { return writeDump({ path }) } catch (error) { return 'refused' } }
    console.log(JSON.stringify(${JSON.stringify(isRoot ? paths : paths.slice(0, 3))}.map(attempt)))`
  expect(new Set((await run(source)) as string[])).toEqual(new Set(['refused']))
  expect(readFileSync(target, 'utf8')).toBe('untouched')
})

test('by a signal, in the middle of what it does', async () => {
  const path = scratch.now.path('dump.log')
  const file = scratch.now.bundle(`
    import { writeDump } from 'src/worker/process-dump.ts'
    process.on('SIGUSR2', () => writeDump({ path: ${JSON.stringify(path)} }))
    setInterval(() => {}, 1000)
    console.log('up')`)
  const program = scratch.now.start(process.execPath, [file])
  await until('its start', () => program.output().includes('up'))
  process.kill(program.pid, 'SIGUSR2')
  await until('the dump', () => {
    try {
      return readFileSync(path, 'utf8').endsWith('\n\n')
    } catch {
      return false
    }
  })
  expect(readFileSync(path, 'utf8')).toMatch(/ 1 Timeout\n/)
  process.kill(program.pid, 'SIGKILL')
  await within(program.exited, 'its end')
})
