import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CaptureSink } from '../../src/logs/capture-sink.ts'
import type { LogStream } from '../../src/logs/log-line.ts'
import { ServiceLog, type ServiceLogOptions } from '../../src/logs/service-log.ts'
import { StreamCapture } from '../../src/logs/stream-capture.ts'
import { EpollLoop } from '../../src/os/epoll.ts'
import { makeFifo, openFifoForChild } from '../../src/os/fifo.ts'
import { FifoReaders } from '../../src/os/fifo-readers.ts'
import { temporaryDirectory } from './support.ts'

export interface Stream {
  readonly capture: StreamCapture
  /** Runs a command with this stream as its stdout. */
  run(command: string, ...args: string[]): ChildProcess
  /** Runs it to its end and reads what it said. */
  runToEnd(command: string, ...args: string[]): Promise<void>
  /** A writer's end. */
  openForWriting(): number
}

/** A service's log in a directory of its own, with FIFOs as a supervisor would have them. All is closed with the test. */
export function captureSetup(options: Partial<ServiceLogOptions> = {}) {
  const directory = temporaryDirectory()
  const epoll = new EpollLoop()
  const file = join(directory, 'web.log')
  const readers = new FifoReaders(epoll)
  const log = new ServiceLog({ file, stdout: 'log', stderr: 'log', ...options })
  const open: number[] = []
  const captures: StreamCapture[] = []
  let fifos = 0

  const openStream = (worker = 'web/0', stream: LogStream = 'out', sink?: CaptureSink): Stream => {
    const path = join(directory, `fifo${fifos++}`)
    makeFifo(path, { mode: 0o600, uid: null, gid: null })
    const reader = readers.open({ path: () => path, linkAtWriter: () => null, options: {} }, 'out')
    const capture = sink
      ? new StreamCapture({ reader, worker, stream, sink })
      : log.openStream({ reader, worker, stream })
    captures.push(capture)
    const run = (command: string, ...args: string[]): ChildProcess => {
      const out = openFifoForChild(path)
      const child = spawn(command, args, { stdio: ['ignore', out, 'inherit'] })
      closeSync(out)
      return child
    }
    return {
      capture,
      run,
      openForWriting: () => {
        const writer = openFifoForChild(path)
        open.push(writer)
        return writer
      },
      async runToEnd(command, ...args) {
        await once(run(command, ...args), 'exit')
        capture.endOfProcess()
      },
    }
  }

  onTestFinished(async () => {
    for (const capture of captures) capture.close()
    await log.close({ deadline: 200 })
    readers.close()
    epoll.close()
    for (const fd of open) closeSync(fd)
  })
  return { directory, epoll, log, file, openStream }
}
