// Whether what the application has begun bears a fork. A socket would be shared by all workers, a timer would run in each of them, a
// thread would be missing.
import { requestsUnderWay } from '../../os/event-loop.ts'
import { type Finding, type Own, whatIsOpen } from './what-is-open.ts'

/** Milliseconds. */
const SETTLE_WITHIN = 1000
const LOOK_EVERY = 5
const TURNS = 3

const ADVICE =
  'Close it in a worker.beforeFork hook, or begin it in the entry or in worker.afterFork; ' +
  'what may be shared after all is named in `allow`.'

/** Null, or what stands against a fork, each with the place where it was begun. */
export function refusalOf(own: Own, allow: ReadonlySet<string>): string | null {
  const findings = whatIsOpen(own).filter(({ kind }) => !allow.has(kind))
  return findings.length === 0 ? null : sentence(findings)
}

/**
 * Until what loading has begun (file operations, lookups, short commands, what comes in the next turns of the loop) has come to its end,
 * and `refusal` is null; at most for a second.
 */
export async function settled(refusal: () => string | null): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve))
  const until = performance.now() + SETTLE_WITHIN
  while (performance.now() < until && (requestsUnderWay() > 0 || refusal() !== null)) {
    // Not a timer that the search for timers would find.
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY).unref())
  }
}

function sentence(findings: readonly Finding[]): string {
  const list = findings.map(({ what }) => what).join('; ')
  return `what is loaded must not be forked: it holds ${list}. ${ADVICE}`
}
