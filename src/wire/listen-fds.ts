// systemd's way of handing sockets on: fds from 3 upwards, LISTEN_FDS of them, for the process LISTEN_PID.

/** The first fd that is handed on. */
export const LISTEN_FDS_START = 3

export interface ListenFd {
  readonly fd: number
  /** null: it has none. */
  readonly name: string | null
}

type Environment = Readonly<Record<string, string | undefined>>

/** More than any process may have open; a larger number is a mistake. */
const MOST_FDS = 1_048_576

/** What was handed to the process `ownPid`; nothing if it was meant for another one, or is not well formed. */
export function parseListenFds(environment: Environment, ownPid: number): ListenFd[] {
  const { LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES } = environment
  if (number(LISTEN_PID) !== ownPid) return []
  const count = number(LISTEN_FDS) ?? 0
  if (count > MOST_FDS) return []
  const names = LISTEN_FDNAMES === undefined || LISTEN_FDNAMES === '' ? [] : LISTEN_FDNAMES.split(':')
  return Array.from({ length: count }, (_, index) => ({ fd: LISTEN_FDS_START + index, name: names[index] || null }))
}

/**
 * The variables for sockets that lie on fd 3, 4, … in this order. `pid` null leaves LISTEN_PID to whoever knows it.
 * Names contain no colon.
 */
export function formatListenFds(names: readonly string[], pid: number | null): Record<string, string> {
  const variables: Record<string, string> = { LISTEN_FDS: String(names.length), LISTEN_FDNAMES: names.join(':') }
  if (pid !== null) variables.LISTEN_PID = String(pid)
  return variables
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null
}
