import { setFlagsFromString } from 'node:v8'

/** Milliseconds: a service that never becomes ready must not keep the supervisor slow. */
const LONGEST = 10_000

/**
 * V8 makes code fast that runs often, in threads of its own. A start of 1,000 services runs everything often, and all of it is
 * idle soon after: on Node 20 that was a sixth of the CPU time of such a start, on cores that the new processes need. (24 and 26 have a
 * quicker compiler besides, which goes on.)
 * @returns what ends it, once the services are up
 */
export function compileLittle(): () => void {
  setFlagsFromString('--no-opt')
  const end = (): void => {
    clearTimeout(timer)
    setFlagsFromString('--opt')
  }
  const timer = setTimeout(end, LONGEST).unref()
  return end
}
