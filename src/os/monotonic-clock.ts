// CLOCK_MONOTONIC: the clock of all deadlines, the same for every process of the machine, unmoved by changes of the date.

/** Milliseconds since boot, with fractions. */
export function monotonicMillis(): number {
  const [seconds, nanos] = process.hrtime()
  return seconds * 1000 + nanos / 1e6
}

/** Nanoseconds since boot, as they stand in a heartbeat slot. */
export function monotonicNanos(): bigint {
  return process.hrtime.bigint()
}
