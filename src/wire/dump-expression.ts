// What a process says about itself, asked by one expression: from within by the SDK, from outside by a debugger in the middle of
// whatever the process hangs in. Hence a text, and hence its caution: nothing here may rely on the program's own state.
import { isPlainObject, numbersOf, type ProcessDump, printable } from './dump-text.ts'

const SOURCE_NAME = 'holdfast-dump'

/** Evaluates to the JSON of a ProcessDump. Environment and arguments are left out: they hold secrets. */
export const DUMP_EXPRESSION = `(() => {
  const attempt = (ask) => { try { return ask() } catch { return null } }
  const stackNow = () => {
    const { stackTraceLimit } = Error
    const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')
    const holder = {}
    try {
      Error.stackTraceLimit = 200
      Error.prepareStackTrace = undefined
      Error.captureStackTrace(holder)
      return String(holder.stack).split('\\n').slice(1)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
      if (prepare) Object.defineProperty(Error, 'prepareStackTrace', prepare)
      else delete Error.prepareStackTrace
    }
  }
  const v8 = attempt(() => process.getBuiltinModule('node:v8'))
  return JSON.stringify({
    at: new Date().toISOString(),
    pid: process.pid,
    title: process.title,
    node: process.version,
    uptime: process.uptime(),
    stack: attempt(stackNow),
    resources: attempt(() => process.getActiveResourcesInfo()),
    memory: attempt(() => process.memoryUsage()),
    heap: attempt(() => v8.getHeapStatistics()),
    heapSpaces: attempt(() => v8.getHeapSpaceStatistics()),
    usage: attempt(() => process.resourceUsage()),
    eventLoop: attempt(() => performance.eventLoopUtilization()),
  })
})()
//# sourceURL=${SOURCE_NAME}`

/** Closes the debug port, then waits until the one who asked has hung up. */
export const END_NOW = 'process._debugEnd()'

/**
 * Has the debugger ended when the event loop has turned, and answers at once. The signal that woke the debugger does so twice:
 * by an interrupt, and from the event loop when the process gets there: hours later, with nobody to close the port
 * again. More than one turn, because the first may be the rest of one that hung.
 */
export const END_AFTER_TURNS = `(() => {
  const { setImmediate } = process.getBuiltinModule('node:timers')
  let turns = 3
  const turn = () => { if (--turns > 0) setImmediate(turn); else process._debugEnd() }
  setImmediate(turn)
})()
//# sourceURL=${SOURCE_NAME}`

/** Null for what is no dump. What another process says is not trusted: of the wrong kind is left out, and no text is raw. */
export function parseProcessDump(json: string): ProcessDump | null {
  let said: unknown
  try {
    said = JSON.parse(json)
  } catch {
    return null
  }
  if (!isPlainObject(said) || typeof said.pid !== 'number') return null
  return {
    at: textOf(said.at),
    pid: said.pid,
    title: textOf(said.title),
    node: textOf(said.node),
    uptime: typeof said.uptime === 'number' ? said.uptime : 0,
    stack: textsOf(said.stack).filter((frame) => !frame.includes(SOURCE_NAME)),
    resources: countByKind(textsOf(said.resources)),
    memory: numbersOf(said.memory),
    heap: numbersOf(said.heap),
    heapSpaces: spacesOf(said.heapSpaces),
    usage: numbersOf(said.usage),
    eventLoop: numbersOf(said.eventLoop),
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? printable(value) : ''
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map((each) => textOf(each).trim()).filter((text) => text !== '') : []
}

function countByKind(kinds: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Object.fromEntries([...counts].sort(([, one], [, other]) => other - one))
}

function spacesOf(value: unknown): ProcessDump['heapSpaces'] {
  if (!Array.isArray(value)) return []
  return value.filter(isPlainObject).map((space) => ({
    space: textOf(space.space_name).replace(/_space$/, ''),
    used: count(space.space_used_size),
    size: count(space.space_size),
    available: count(space.space_available_size),
    physical: count(space.physical_space_size),
  }))
}

function count(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
