// Names of the variables by which the supervisor speaks to a worker.

const SOCKET_PREFIX = 'HOLDFAST_SOCKET_'

export const VARIABLES = {
  holdfast: 'HOLDFAST',
  service: 'HOLDFAST_SERVICE',
  slot: 'HOLDFAST_SLOT',
  generation: 'HOLDFAST_GENERATION',
  role: 'HOLDFAST_ROLE',
  id: 'HOLDFAST_ID',
  notifyFd: 'HOLDFAST_NOTIFY_FD',
  commandFd: 'HOLDFAST_COMMAND_FD',
  heartbeat: 'HOLDFAST_HEARTBEAT',
  /** Milliseconds: how often a worker should move its deadline, and how far. Only with `heartbeat`. */
  heartbeatInterval: 'HOLDFAST_HEARTBEAT_INTERVAL_MS',
  heartbeatTimeout: 'HOLDFAST_HEARTBEAT_TIMEOUT_MS',
  /** Milliseconds. Only with `requestTimeout`. */
  requestTimeout: 'HOLDFAST_REQUEST_TIMEOUT_MS',
  /** Milliseconds from a stop's first signal to the next. */
  stopTimeout: 'HOLDFAST_STOP_TIMEOUT_MS',
  /** What is below is not written by the SDK's logger. */
  logLevel: 'HOLDFAST_LOG_LEVEL',
  fencingToken: 'FENCING_TOKEN',
  /** Which of the main slots a process holds that is main from its start, from 0. */
  mainSlot: 'HOLDFAST_MAIN_SLOT',
  /** fds of the locks that decide who is main, with commas: who hands them on to its children makes them part of the main. */
  lockFds: 'HOLDFAST_LOCK_FDS',
  /** In a worker of a server made with the library: ends when the server does. */
  lifelineFd: 'HOLDFAST_LIFELINE_FD',
  /** In a forkserver, and not in its workers: its name, and where it is told what to fork. */
  forkserver: 'HOLDFAST_FORKSERVER',
  forkCommands: 'HOLDFAST_FORK_COMMANDS',
} as const

/** `HOLDFAST_SOCKET_ADMIN_API` for a socket named `admin-api`. */
export function socketVariable(name: string): string {
  return `${SOCKET_PREFIX}${upperCase(name)}`
}

/** Beside it, the socket's backlog: who listens on it once more (Node does) must not change it. */
export function backlogVariable(name: string): string {
  return `HOLDFAST_BACKLOG_${upperCase(name)}`
}

/** What stands behind HOLDFAST_SOCKET_ in the names of `env`, in lower case. */
export function socketsGiven(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).flatMap((key) =>
    key.startsWith(SOCKET_PREFIX) ? [key.slice(SOCKET_PREFIX.length).toLowerCase()] : [],
  )
}

function upperCase(name: string): string {
  return name.toUpperCase().replaceAll('-', '_')
}

/** HOLDFAST_ID of a process: under another Holdfast its id comes first. `own` contains no slash. */
export function composeHoldfastId(outer: string | null, own: string): string {
  return outer === null || outer === '' ? own : `${outer}/${own}`
}

/** From the outermost Holdfast to the process itself. */
export function holdfastIdElements(id: string): string[] {
  return id.split('/').filter((element) => element !== '')
}

/** Whether a process with this HOLDFAST_ID descends from (or is) the process whose own id is `own`. */
export function descendsFromHoldfastId(id: string, own: string): boolean {
  return holdfastIdElements(id).includes(own)
}
