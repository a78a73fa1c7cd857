// `ready: { ipc: true }`: the channel that Node's process.send writes to. A socketpair with a JSON value a line.
import { closeSync } from 'node:fs'
import type { EpollLoop } from '../os/epoll.ts'
import { readAvailable } from '../os/fifo.ts'
import { socketPair } from '../os/socket-pair.ts'

const scratch = Buffer.allocUnsafe(16_384)
/** A message longer than this is not `ready`, and is not kept. */
const LONGEST = 4_096

export interface IpcChannel {
  readonly childFd: number
  readonly closeChildEnd: () => void
  readonly close: () => void
}

/** Calls back at `process.send('ready')`, as PM2's users know it; everything else is read and dropped. */
export function openIpcChannel(epoll: EpollLoop, onReady: () => void): IpcChannel {
  const [ours, childFd] = socketPair()
  let open = true
  let rest = ''
  const close = (): void => {
    if (!open) return
    open = false
    epoll.remove(ours)
    closeSync(ours)
  }
  epoll.add(ours, () => {
    const length = readAvailable(ours, scratch)
    // Blocking, but only read when epoll says so. Readable without a byte is the end: the worker closed its channel (process.disconnect), or is gone.
    if (length === 0) return close()
    const lines = (rest + scratch.toString('utf8', 0, length)).split('\n')
    rest = (lines.pop() ?? '').slice(-LONGEST)
    if (lines.some((line) => line === '"ready"')) onReady()
  })
  return { childFd, closeChildEnd: () => closeSync(childFd), close }
}
