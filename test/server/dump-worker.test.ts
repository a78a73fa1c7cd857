import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { isAlive, type ProcessIdentity, startTimeOf, statOf } from '../../src/os/process-identity.ts'
import { catchesSignal, mainThreadState } from '../../src/os/thread-states.ts'
import { type DumpProcessOptions, dumpProcess, workerDumpFlags } from '../../src/server/dump-worker.ts'
import { node, until, useScratch, within } from '../os/scratch.ts'

const scratch = useScratch()
const SIGUSR1 = 10

class Program {
  readonly errors: string[] = []
  readonly output: string[] = []
  readonly #listeners = new Set<(line: string) => void>()
  readonly #child: ChildProcess
  readonly ended: Promise<unknown>
  readonly identity: ProcessIdentity

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, PASSWORD: 'swordfish' } })
    this.#child = child
    this.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)))
    createInterface(child.stdout).on('line', (line) => this.output.push(line))
    createInterface(child.stderr).on('line', (line) => {
      this.errors.push(line)
      for (const listener of this.#listeners) listener(line)
    })
    const pid = child.pid ?? 0
    this.identity = { pid, startTime: startTimeOf(pid) ?? 0 }
    scratch.now.atEnd(() => child.kill('SIGKILL'))
  }

  dump(options: DumpProcessOptions = {}): Promise<string> {
    const stderrLines = (listener: (line: string) => void) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    }
    return within(dumpProcess(this.identity, { stderrLines, ...options }), 'the dump')
  }

  get listeners(): number {
    return this.#listeners.size
  }

  get debuggersOpened(): number {
    return this.errors.filter((line) => line.includes('Debugger listening')).length
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  said(line: string): Promise<void> {
    return until(`"${line}" of ${this.errors.join('\n')}`, () => this.output.includes(line))
  }
}

/** A Node program that has said `up`; `afterwards` runs as soon as it said so. */
async function started(source: string, flags: readonly string[] = workerDumpFlags()): Promise<Program> {
  const file = scratch.now.path(`program-${readdirSync(scratch.now.directory).length}.cjs`)
  writeFileSync(file, source)
  const program = new Program(node, [...flags, file])
  await program.said('up')
  return program
}

const LOOP = `
function innermostLoop() { console.log('up'); for (;;); }
function handleRequest() { innermostLoop() }
setImmediate(handleRequest)`
const IDLE = "require('node:http').createServer().listen(0, '127.0.0.1', () => console.log('up'))"

/** The signal may open the port twice: only when the event loop has been through, there is no more to come. */
async function leavesNoPort({ identity }: Program): Promise<void> {
  await until('its rest', () => mainThreadState(identity.pid) === 'waits')
  await until('the end of its port', () => portsOf(identity.pid).length === 0)
}

/** TCP ports that this very process listens on. */
function portsOf(pid: number): number[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
    } catch {
      return undefined // closed meanwhile
    }
  })
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').split('\n').slice(1)
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
    return state === '0A' && sockets.includes(inode) ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : []
  })
}

test('an idle worker: what keeps it alive, its memory, and that it waits', async () => {
  const program = await started(IDLE)
  const { pid } = program.identity
  await until('its rest', () => mainThreadState(pid) === 'waits')
  const text = await program.dump({ workers: [{ worker: 'web/0', pid }] })
  expect(text).toMatch(new RegExp(`^Dump at \\d{4}-\\S+Z process ${pid} \\(`))
  expect(text).toContain('Stack:\n    (no JavaScript: the event loop waits)')
  expect(text).toMatch(/Active resources:\n(.*\n)*? +1 TCPServerWrap\n/)
  for (const part of ['rss', 'heapUsed', 'used_heap_size', 'new  ', 'maxRSS', '% busy', 'worker', 'web/0']) {
    expect(text).toContain(part)
  }
  expect(text).not.toContain('swordfish')
  await until('the end of its port', () => portsOf(pid).length === 1) // its own is left
  expect(program.listeners).toBe(0)
})

test('a worker that loops: the functions it is in, as often as asked', async () => {
  const program = await started(LOOP)
  for (let round = 0; round < 3; round++) {
    const text = await program.dump()
    expect(text).toMatch(/Stack:\n(.*\n)*? {4}at innermostLoop \(.*program-0\.cjs:2:.*\n {4}at .*handleRequest/)
    expect(text).not.toContain('holdfast-dump')
    await until('the end of its port', () => portsOf(program.identity.pid).length === 0)
  }
  expect(program.debuggersOpened).toBe(3)
  expect(program.listeners).toBe(0)
})

test.each([
  ['a timer', 'setTimeout(loops, 1)'],
  ['setImmediate', 'setImmediate(loops)'],
  ['a callback of a file', "require('node:fs').stat('/', loops)"],
  ['the main module', 'loops()'],
])('a loop in %s that ends after the dump leaves no port', async (_, start) => {
  const flag = scratch.now.path('flag')
  writeFileSync(flag, '')
  const program = await started(`
    const { existsSync } = require('node:fs')
    function loops() {
      console.log('up')
      while (existsSync(${JSON.stringify(flag)}));
      let turns = 0
      const timer = setInterval(() => {
        if (++turns < 20) return
        console.log('turned')
        clearInterval(timer)
      }, 1)
    }
    setInterval(() => {}, 1000)
    ${start}`)
  expect(await program.dump()).toContain('loops')
  rmSync(flag)
  await program.said('turned')
  await leavesNoPort(program)
})

test('a worker that loops in a regular expression, and one that loops in promises', async () => {
  const matching = await started(
    "setImmediate(function matchesForever() { console.log('up'); /^(a+)+$/.test('a'.repeat(60) + 'b') })",
  )
  expect(await matching.dump()).toMatch(/at .*matchesForever/)
  const awaiting = await started("console.log('up'); setImmediate(async () => { for (;;) await null })")
  expect(await awaiting.dump()).toContain('Heap statistics:')
})

test('a worker in Atomics.wait', async () => {
  const program = await started(`
    function waitsForever() {
      console.log('up')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }
    setImmediate(waitsForever)`)
  await until('the wait', () => mainThreadState(program.identity.pid) === 'waits')
  const text = await program.dump()
  expect(text).toMatch(/at Atomics\.wait.*\n.*waitsForever/)
  await until('the end of its port', () => portsOf(program.identity.pid).length === 0)
})

test('a worker in a synchronous read: what the kernel knows, and the read is not disturbed', async () => {
  const program = await started(`
    console.log('up')
    require('node:fs').readSync(0, Buffer.alloc(1))
    console.log('has read')
    setInterval(() => {}, 1000)`)
  const { pid } = program.identity
  await until('the read', () => mainThreadState(pid) === 'in-call')
  const text = await program.dump()
  expect(text).toContain('(not available: its main thread is in a system call')
  expect(text).toMatch(/State: S \(sleeping\)/)
  expect(text).toMatch(new RegExp(`Threads:\\n    ${pid} S \\S+`))
  program.write('x')
  await program.said('has read')
  expect(await program.dump()).toContain('Heap statistics:')
  expect(program.debuggersOpened).toBe(1)
})

test('a worker that answers too late: said in time, and its debugger is ended nevertheless', async () => {
  const fifo = scratch.now.path('fifo')
  execFileSync('mkfifo', [fifo])
  const program = await started(`
    console.log('up')
    require('node:child_process').execFileSync('cat', [${JSON.stringify(fifo)}])
    console.log('has run')
    setInterval(() => {}, 1000)`)
  const { pid } = program.identity
  await until('cat', () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '')
  await until('its main thread', () => mainThreadState(pid) === 'waits')
  const text = await program.dump({ deadline: 200 })
  expect(text).toContain('(not available: no answer within 0.2 s')
  expect(text).toContain('Threads:')
  expect(program.debuggersOpened).toBe(0)
  writeFileSync(fifo, '')
  await until('the debugger', () => program.debuggersOpened > 0)
  await program.said('has run')
  await until('the end of the visit', () => program.listeners === 0)
  await leavesNoPort(program)
  expect(await program.dump()).toContain('Heap statistics:')
})

test('a stopped worker is not signalled', async () => {
  const program = await started(IDLE)
  const { pid } = program.identity
  program.kill('SIGSTOP')
  await until('the stop', () => statOf(pid)?.state === 'T')
  const text = await program.dump()
  expect(text).toMatch(/not available: it was stopped by a signal/)
  expect(text).toMatch(/State: T \(stopped\)/)
  program.kill('SIGCONT')
  await until('its going on', () => mainThreadState(pid) === 'waits')
  expect(await program.dump()).toContain('TCPServerWrap')
  expect(program.debuggersOpened).toBe(1)
})

test('a program that is not Node, and one that has ended', async () => {
  const sleep = new Program('/bin/sleep', ['1000'])
  await until('sleep', () => readlinkSync(`/proc/${sleep.identity.pid}/exe`).endsWith('sleep'))
  expect(await sleep.dump()).toMatch(/\/sleep is not Node(.*\n)*.*Waits in:\n(.*\n)*.*Threads:/)
  expect(isAlive(sleep.identity)).toBe(true)
  sleep.kill('SIGKILL')
  await sleep.ended
  const text = await sleep.dump()
  expect(text).toMatch(
    /^Dump at \S+ process \d+ \(ended\)\n {2}Stack:\n {4}\(not available: the process has ended\)\n\n$/,
  )
})

test('one that ends while it is asked', async () => {
  const program = await started(`
    console.log('up')
    require('node:child_process').execFileSync('sleep', ['1000'])`)
  const { pid } = program.identity
  const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  await until('sleep', () => children() !== '' && mainThreadState(pid) === 'waits')
  const sleep = Number(children())
  scratch.now.atEnd(() => process.kill(sleep, 'SIGKILL'))
  const dump = program.dump()
  program.kill('SIGKILL')
  expect(await dump).toContain('(not available: the process has ended)')
  await until('the end of the visit', () => program.listeners === 0)
})

test('two dumps at once are one visit', async () => {
  const program = await started(LOOP)
  const [one, other] = await Promise.all([program.dump(), program.dump()])
  expect(one).toContain('innermostLoop')
  expect(other).toBe(one)
  expect(program.debuggersOpened).toBe(1)
  await until('the end of its port', () => portsOf(program.identity.pid).length === 0)
})

test('a worker without the flags, or without a handler for the signal, is left alone', async () => {
  const plain = await started(LOOP, [])
  expect(await plain.dump({ stderrLines: undefined })).toContain(
    '(not available: it was not started with --inspect-port',
  )
  const unarmed = await started(`process.on('SIGUSR1', () => {}).removeAllListeners('SIGUSR1')\n${IDLE}`)
  expect(catchesSignal(unarmed.identity.pid, SIGUSR1)).toBe(false)
  expect(await unarmed.dump()).toContain('no handler for SIGUSR1')
  expect([plain, unarmed].map(({ identity }) => isAlive(identity))).toEqual([true, true])
  expect(plain.debuggersOpened + unarmed.debuggersOpened).toBe(0)
})
