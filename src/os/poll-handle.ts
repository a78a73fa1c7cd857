import { koffi } from './libc.ts'

export interface PollHandle {
  /** Let the process end although this is open. */
  unref(): void
  ref(): void
  /** Call it before the fd is closed. More than once does no harm. */
  close(): void
}

// A handle that nothing in JavaScript refers to is collected, and its events stop silently.
const open = new Set<object>()

/** Calls back on the event loop as long as `fd` is readable (level-triggered). */
export function pollReadable(fd: number, onReadable: () => void): PollHandle {
  const handle = koffi().node.poll(fd, { readable: true }, () => {
    // koffi calls straight from libuv, outside Node's callback scope: next ticks and promises would wait for some other
    // event, and an exception would stay pending. An immediate runs in the same turn of the loop, and they after it;
    // queued first, so that they also come before the callback's own immediates.
    setImmediate(runTicks)
    try {
      onReadable()
    } catch (error) {
      setImmediate(() => {
        throw error
      })
    }
  })
  if (handle === null) throw new Error(`cannot poll fd ${fd}`)
  open.add(handle)
  return {
    // After close() koffi's own methods would follow a null pointer.
    unref: () => void (open.has(handle) && handle.unref()),
    ref: () => void (open.has(handle) && handle.ref()),
    close() {
      if (open.delete(handle)) handle.close()
    },
  }
}

function runTicks(): void {}
