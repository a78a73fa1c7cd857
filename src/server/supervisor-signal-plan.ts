// What signals mean to the supervisor of a program: as its map has them, whether the signal is sent to the server or to what is above.
import type { Handover } from './handover.ts'
import type { ServerOptions } from './server-options.ts'
import { signalMap, signalsWith } from './signal-maps.ts'

/** Signals that mean something in one map or another: where its map has none, the server is not told. */
const HANDED_ON = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTTIN', 'SIGTTOU', 'SIGCONT', 'SIGWINCH'] as const

interface SignalPlan
  extends Pick<NonNullable<Handover['library']>, 'stopsAt' | 'stopsNowAt' | 'reopensAt' | 'letsGoAt'> {
  readonly handedOn: readonly NodeJS.Signals[]
}

/** @throws HoldfastError for a map that can not be */
export function supervisorSignalPlan<Config>({ signals, serverProcess }: ServerOptions<Config>): SignalPlan {
  const { enableDetach = true, exitOnDetach = false } = serverProcess ?? {}
  const detaching = signalsWith('detach', signals)
  const letsGoAt = enableDetach && exitOnDetach ? detaching : []
  // The server alone would stop, and be started again.
  const stopsAt = [...signalsWith('stop', signals), ...(enableDetach ? [] : detaching)]
  const stopsNowAt = signalsWith('stop-now', signals)
  const ours = new Set([...letsGoAt, ...stopsAt, ...stopsNowAt])
  const mapped = [...signalMap(signals ?? 'holdfast').keys()]
  return {
    // All of the map: by default most signals would end a process.
    handedOn: [...new Set([...HANDED_ON, ...mapped])].filter((signal) => !ours.has(signal)),
    letsGoAt,
    stopsAt,
    stopsNowAt,
    reopensAt: signalsWith('reopen-logs', signals),
  }
}
