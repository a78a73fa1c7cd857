// When which stream may be read: state that all streams of the process share.

const REST = 5
const LONGEST_TURN = 20
export const READ_SIZE = 1024 * 1024

let buffer: Buffer | null = null
let turnStart: number | null = null

/** The one buffer that all reads go into. Its bytes are good until the next read. */
export function readBuffer(): Buffer {
  buffer ??= Buffer.allocUnsafeSlow(READ_SIZE)
  return buffer
}

/**
 * Whether reading may go on in this turn of the event loop. After 20 ms the rest waits (epoll reports it again), so that
 * a thousand full pipes do not hold up everything else.
 */
export function mayReadInThisTurn(now: number): boolean {
  if (turnStart === null) {
    turnStart = now
    setImmediate(() => {
      turnStart = null
    })
  }
  return now - turnStart < LONGEST_TURN
}

interface Resting {
  readonly until: number
  readonly resume: () => void
}

const resting: Resting[] = []
let timerArmed = false

/** Calls back in 5 ms. One timer for all. @param now monotonic milliseconds */
export function restBeforeReading(now: number, resume: () => void): void {
  resting.push({ until: now + REST, resume })
  if (!timerArmed) arm(REST)
}

/** Whether a read comes so soon after the last that the stream should rest. */
export function comesSoon(now: number, lastRead: number): boolean {
  return now - lastRead < REST
}

function arm(milliseconds: number): void {
  timerArmed = true
  setTimeout(wake, milliseconds)
}

function wake(): void {
  timerArmed = false
  const now = performance.now()
  // Timers have a grain of a millisecond.
  while (resting[0] !== undefined && resting[0].until <= now + 1) resting.shift()?.resume()
  if (resting[0] !== undefined && !timerArmed) arm(Math.max(1, resting[0].until - now))
}
