// How the supervisor of a program hurries its servers. KILL, which is what hurrying means for any other process, would leave their
// workers to themselves and their hooks uncalled: so a server is told by the signal that means it to it, and KILL follows later.

import { startTimeOf } from '../os/process-identity.ts'
import { signalProcess } from '../os/send-signal.ts'
import { parseSignal } from '../os/signals.ts'
import { catchesSignal } from '../os/thread-states.ts'
import type { Engine } from '../supervisor/engine-api.ts'
import type { Hurry } from './running-supervisor.ts'

/** Milliseconds in which a server that was told has to be gone; its `afterRun` may take four seconds. */
const UNTIL_KILL = 5_000

interface SignalsOfMap {
  readonly stopsAt: readonly NodeJS.Signals[]
  readonly stopsNowAt: readonly NodeJS.Signals[]
}

export function hurriedServers({ stopsAt, stopsNowAt }: SignalsOfMap): Hurry {
  return {
    untilKill: UNTIL_KILL,
    signal(engine, immediate) {
      const [signal] = immediate ? stopsNowAt : stopsAt
      const number = signal === undefined ? undefined : parseSignal(signal)?.number
      if (signal === undefined || number === undefined) return null
      const servers = livingServers(engine)
      // One that has only just been started would be ended by it as by KILL.
      return servers.length > 0 && servers.every(({ pid }) => catchesSignal(pid, number)) ? signal : null
    },
    tell(engine, signal) {
      const { number = 0 } = parseSignal(signal) ?? {}
      for (const { pid, isAsked } of livingServers(engine)) {
        const startTime = isAsked ? startTimeOf(pid) : null
        if (startTime !== null) signalProcess({ pid, startTime }, number)
      }
    },
  }
}

interface LivingServer {
  readonly pid: number
  /** To stop: also those that a live restart has replaced. */
  readonly isAsked: boolean
}

/** They are our children: no pid is another's before we have reaped it. */
function livingServers(engine: Engine): LivingServer[] {
  return (engine.status({ brief: true }).services[0]?.workers ?? []).flatMap(({ pid, state, other }) => [
    ...(pid === null ? [] : [{ pid, isAsked: state === 'stopping' }]),
    ...(other?.pid == null ? [] : [{ pid: other.pid, isAsked: other.state === 'draining' }]),
  ])
}

/**
 * The exit code with which a server ended everything: by itself, or on its way out. 0: it was asked to.
 * @param since when a stop was asked (ISO 8601): what ended before it, by a crash, has no part in this end
 */
export function codeOfServers(engine: Engine, unrecoverable: readonly number[], since: string | null): number {
  for (const { lastExit } of engine.status({ brief: true }).services[0]?.workers ?? []) {
    if (lastExit === null || !lastExit.code) continue
    if (unrecoverable.includes(lastExit.code) || (since !== null && lastExit.at >= since)) return lastExit.code
  }
  return 0
}
