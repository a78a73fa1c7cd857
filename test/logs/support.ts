import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect, onTestFinished, type TestContext, vi } from 'vitest'

// Real writers and disks on a machine that may have other work: what is slow there is not wrong.
vi.setConfig({ testTimeout: 30_000 })

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-logs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Waits until the condition holds; fails after the deadline (milliseconds). */
export async function eventually(what: string, condition: () => boolean, deadline = 10_000): Promise<void> {
  const end = performance.now() + deadline
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${deadline} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** The bytes of FILE.n … FILE.1, FILE in the order they were written. */
export function readSet(path: string): Buffer {
  return Buffer.concat(filesOfSet(path).map((file) => readFileSync(file)))
}

export function filesOfSet(path: string): string[] {
  const name = basename(path)
  const numbers = readdirSync(dirname(path))
    .filter((file) => file === name || (file.startsWith(`${name}.`) && /^\d+$/.test(file.slice(name.length + 1))))
    .map((file) => (file === name ? 0 : Number(file.slice(name.length + 1))))
  return numbers.sort((one, other) => other - one).map((number) => (number === 0 ? path : `${path}.${number}`))
}

export function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString('utf8')
  if (text !== '' && !text.endsWith('\n')) throw new Error('torn at the end')
  return text.split('\n').slice(0, -1)
}

/**
 * Watches until stop() for how long the event loop did not turn, in milliseconds. `busy`: CPU time of the longest turn,
 * which says what we did on a machine where others have work too. `waited`: its real time, which a hanging call makes long.
 */
export function watchEventLoop(): { stop(): { busy: number; waited: number } } {
  const longest = { busy: 0, waited: 0 }
  let lastCpu = process.cpuUsage()
  let last = performance.now()
  const turn = (): void => {
    const now = performance.now()
    const { user, system } = process.cpuUsage(lastCpu)
    longest.busy = Math.max(longest.busy, Math.min(now - last, (user + system) / 1000))
    longest.waited = Math.max(longest.waited, now - last)
    last = now
    lastCpu = process.cpuUsage()
  }
  const timer = setInterval(turn, 1)
  return {
    stop() {
      clearInterval(timer)
      turn()
      return longest
    },
  }
}

/** Never longer than some 50 ms of work, and never a wait. */
export function expectToTurn({ busy, waited }: { busy: number; waited: number }): void {
  expect(busy).toBeLessThan(60)
  expect(waited).toBeLessThan(500)
}

/** A piece of memory as a file system; skips the test where it cannot be mounted. */
export function smallFileSystem(context: TestContext, size: string): string {
  const directory = temporaryDirectory()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'ignore' })
  } catch {
    console.warn(`SKIPPED: ${context.task.name}: no right to mount a file system`)
    context.skip()
  }
  onTestFinished(() => void execFileSync('umount', ['-l', directory]))
  return directory
}

/**
 * A FIFO that nobody reads: it takes 64 KiB, then a write to it hangs like one to a disk that does not answer.
 * Emptied at the end of the test, since a thread that is stuck in a write keeps the process from ending.
 */
export function hangingFile(): string {
  const path = join(temporaryDirectory(), 'hanging')
  execFileSync('mkfifo', [path])
  onTestFinished(async () => {
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const buffer = Buffer.alloc(1024 * 1024)
    for (let empty = 0; empty < 5; ) {
      try {
        readSync(fd, buffer)
        empty = 0
      } catch {
        empty++
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    closeSync(fd)
  })
  return path
}
