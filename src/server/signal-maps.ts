// What signals mean to a server made with the library, as data: four maps under known names, and maps of one's own.
import { suggestion } from '../config/did-you-mean.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { parseSignal, SIGNAL_NUMBERS } from '../os/signals.ts'

/** What a signal can ask for, with what it does: the text of the reference page. */
export const SERVER_ACTIONS = {
  stop: 'Stops gracefully: workers finish what they have begun. Asked a second time, it hurries.',
  'stop-now': 'Stops at once, without waiting for work under way.',
  reload: 'Reads the config again and hands it to the workers, which go on.',
  'reopen-logs': 'Closes the log files and opens them again under their names.',
  restart:
    'Cold restart: reads the config again and stops all workers gracefully at once; each starts again as it ends.',
  'restart-now': 'Cold restart as `restart`, but without waiting for work under way.',
  'rolling-restart': 'Replaces the workers one after the other; as many as before serve meanwhile.',
  'live-restart': 'Replaces the server process itself; sockets stay open and workers serve meanwhile.',
  detach: 'Starts a new server beside this one, which then ends as its work does; where that is not allowed: `stop`.',
  'more-workers': 'One worker more.',
  'fewer-workers': 'One worker fewer; it stops gracefully.',
  'stop-workers': 'Stops all workers gracefully; the server itself stays and can start them again.',
  dump: 'Writes stacks, memory and state of the process to a file.',
  ignore: 'Nothing.',
} as const satisfies Record<string, string>

/** What a signal can ask a server for; see [signals.md](signals.md). */
export type ServerAction = keyof typeof SERVER_ACTIONS

/** A function of one's own instead of an action. */
export type SignalFunction = (signal: NodeJS.Signals) => unknown

/** One thing that a signal does. */
export type SignalStep = ServerAction | SignalFunction

export interface SignalRow {
  readonly signal: NodeJS.Signals
  /** Done in this order. */
  readonly actions: readonly ServerAction[]
  readonly doc: string
}

const row = (signal: NodeJS.Signals, actions: readonly ServerAction[], doc: string): SignalRow => ({
  signal,
  actions,
  doc,
})

const TTIN = row('SIGTTIN', ['more-workers'], 'One worker more.')
const TTOU = row('SIGTTOU', ['fewer-workers'], 'One worker fewer.')

export const SIGNAL_MAPS = {
  holdfast: [
    row('SIGTERM', ['stop'], 'Graceful stop; a second one hurries.'),
    row('SIGINT', ['stop'], 'As TERM: Ctrl-C in a terminal.'),
    row('SIGQUIT', ['stop-now'], 'Immediate stop.'),
    row('SIGHUP', ['reload'], 'The config is read again; workers go on with the new one.'),
    row('SIGUSR1', ['reopen-logs'], 'Log files are opened anew, after somebody has moved them.'),
    row('SIGUSR2', ['live-restart'], 'A new server process takes over sockets and workers.'),
    TTIN,
    TTOU,
  ],
  serverengine: [
    row('SIGTERM', ['stop'], 'Graceful stop.'),
    row('SIGQUIT', ['stop-now'], 'Immediate stop.'),
    row(
      'SIGUSR1',
      ['reopen-logs', 'restart'],
      'Cold restart: config and logs anew, all workers stop gracefully at once.',
    ),
    row('SIGHUP', ['reopen-logs', 'restart-now'], 'Cold restart as USR1, without waiting for work under way.'),
    row('SIGUSR2', ['reopen-logs', 'reload'], 'Config and logs anew; workers go on with the new config.'),
    row(
      'SIGINT',
      ['detach'],
      'A new server starts and this one finishes its work; graceful stop where that is not allowed.',
    ),
    row('SIGCONT', ['dump'], 'Stacks, memory and state to a file.'),
  ],
  ghost: [
    row('SIGINT', ['stop-now'], 'Immediate stop.'),
    row('SIGTERM', ['stop-now'], 'Immediate stop.'),
    row('SIGQUIT', ['stop'], 'Graceful stop.'),
    row('SIGHUP', ['reload'], 'The config is read again; workers go on with the new one.'),
    TTIN,
    TTOU,
  ],
  unicorn: [
    row('SIGHUP', ['reload', 'rolling-restart'], 'The config is read again, then the workers are replaced one by one.'),
    row('SIGQUIT', ['stop'], 'Graceful stop.'),
    row('SIGTERM', ['stop-now'], 'Immediate stop.'),
    row('SIGINT', ['stop-now'], 'Immediate stop.'),
    row('SIGUSR1', ['reopen-logs'], 'Log files are opened anew.'),
    row('SIGUSR2', ['live-restart'], 'A new server process takes over sockets and workers.'),
    row('SIGWINCH', ['stop-workers'], 'The workers stop gracefully, the server stays.'),
    TTIN,
    TTOU,
  ],
} as const satisfies Record<string, readonly SignalRow[]>

/** The maps that are there: Holdfast's own, and those of ServerEngine, Acme::Ghost and unicorn; see [signals.md](signals.md). */
export type SignalMapName = keyof typeof SIGNAL_MAPS

/**
 * A map of one's own, laid over `holdfast`; several steps are done in their order.
 * @example
 * ```ts
 * import { defineServer, type OwnSignalMap } from 'holdfast'
 *
 * const signals: OwnSignalMap = { USR1: 'restart', SIGUSR2: ['reopen-logs', 'reload'], WINCH: (signal) => console.log(signal) }
 *
 * export const server = defineServer({ name: 'shop', signals, worker: new URL('./shop-worker.mjs', import.meta.url) })
 * ```
 */
export type OwnSignalMap = Readonly<Record<string, SignalStep | readonly SignalStep[]>>

/** Why nobody can map them. Whoever could would find out when it is too late. */
const REFUSED: Readonly<Record<string, string>> = {
  SIGKILL: 'the kernel ends the process without asking it',
  SIGSTOP: 'the kernel stops the process without asking it',
  SIGCHLD: 'it is how the end of a worker is noticed',
  SIGSEGV: 'it tells of a crash, after which no JavaScript can run',
  SIGBUS: 'it tells of a crash, after which no JavaScript can run',
  SIGFPE: 'it tells of a crash, after which no JavaScript can run',
  SIGILL: 'it tells of a crash, after which no JavaScript can run',
  SIGABRT: 'it tells of a crash, and the process ends whatever a handler does',
  SIGIOT: 'it tells of a crash, and the process ends whatever a handler does',
  SIGTRAP: 'it belongs to debuggers',
  SIGPROF: 'Node profiles with it',
  SIGPIPE: 'Node ignores it, so that a write fails with EPIPE instead',
}

const MAPPABLE = Object.keys(SIGNAL_NUMBERS).filter((name) => !(name in REFUSED))

/**
 * The map of this name, or an own one laid over `holdfast`: what it does not name keeps its meaning, so that no TERM ends
 * the server without its workers; `ignore` takes a signal out of use. @throws HoldfastError
 */
export function signalMap(choice: SignalMapName | OwnSignalMap): ReadonlyMap<NodeJS.Signals, readonly SignalStep[]> {
  if (typeof choice === 'string') return rowsOf(choice)
  if (typeof choice !== 'object' || choice === null || Array.isArray(choice))
    throw wrongType('the name of a signal map, or an object of signals and actions', choice)
  const map = new Map<NodeJS.Signals, readonly SignalStep[]>(rowsOf('holdfast'))
  const named = new Map<NodeJS.Signals, string>()
  for (const [key, value] of Object.entries(choice)) {
    const signal = readSignal(key)
    const before = named.get(signal)
    if (before !== undefined) throw statedTwice(signal, before)
    named.set(signal, key)
    map.set(signal, readSteps(key, value))
  }
  return map
}

/** The signal that asks a server with this map for `action` and nothing else, without SIG; null: none does. */
export function signalFor(action: ServerAction, choice: SignalMapName | OwnSignalMap = 'holdfast'): string | null {
  for (const [signal, steps] of signalMap(choice))
    if (steps.length === 1 && steps[0] === action) return signal.replace(/^SIG/, '')
  return null
}

/** All that ask for `action`, among others or alone. */
export function signalsWith(
  action: ServerAction,
  choice: SignalMapName | OwnSignalMap = 'holdfast',
): readonly NodeJS.Signals[] {
  return [...signalMap(choice)].filter(([, steps]) => steps.includes(action)).map(([signal]) => signal)
}

function rowsOf(name: string): ReadonlyMap<NodeJS.Signals, readonly ServerAction[]> {
  if (!Object.hasOwn(SIGNAL_MAPS, name)) throw unknown('signal map', name, Object.keys(SIGNAL_MAPS))
  const rows: readonly SignalRow[] = SIGNAL_MAPS[name as SignalMapName]
  return new Map(rows.map(({ signal, actions }) => [signal, actions]))
}

function readSignal(key: string): NodeJS.Signals {
  const parsed = parseSignal(key)
  const short = (name: string): string => name.replace(/^SIG/, '')
  if (parsed === null) throw unknown('signal', key, MAPPABLE.map(short))
  const why = REFUSED[parsed.name] ?? (parsed.name in SIGNAL_NUMBERS ? null : 'Node knows no real-time signals')
  if (why === null) return parsed.name as NodeJS.Signals
  throw new HoldfastError('HF_CONFIG_VALUE', {
    problem: `the signal ${short(parsed.name)} can not be mapped: ${why}`,
    mend: 'Take another one: USR1, USR2, HUP, WINCH …',
  })
}

function readSteps(key: string, value: unknown): readonly SignalStep[] {
  const steps: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (steps.length === 0)
    throw new HoldfastError('HF_CONFIG_VALUE', {
      problem: `the signal ${key} has an empty list of actions`,
      mend: "Write 'ignore' if it is to do nothing.",
    })
  return steps.map((step) => {
    if (typeof step === 'function') return step as SignalFunction
    if (typeof step !== 'string') throw wrongType(`an action or a function for the signal ${key}`, step)
    if (!Object.hasOwn(SERVER_ACTIONS, step)) throw unknown('action', step, Object.keys(SERVER_ACTIONS))
    return step as ServerAction
  })
}

function unknown(what: string, name: string, known: readonly string[]): HoldfastError {
  const given = what === 'signal' ? name.toUpperCase().replace(/^SIG/, '') : name
  return new HoldfastError('HF_CONFIG_REFERENCE', { what, name, mend: suggestion(given, known, what) })
}

function wrongType(expected: string, found: unknown): HoldfastError {
  const kind = found === null ? 'null' : Array.isArray(found) ? 'a list' : typeof found
  return new HoldfastError('HF_CONFIG_TYPE', {
    expected,
    found: kind,
    mend: `Known maps: ${Object.keys(SIGNAL_MAPS).join(', ')}. Or: { USR1: 'restart' }`,
  })
}

function statedTwice(signal: NodeJS.Signals, first: string): HoldfastError {
  return new HoldfastError('HF_CONFIG_DUPLICATE', {
    what: 'signal',
    name: signal,
    first,
    mend: 'Write it once, with or without SIG; a list of actions is done in its order.',
  })
}
