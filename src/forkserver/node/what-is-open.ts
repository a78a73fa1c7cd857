// What the application has begun and a fork would share: open sockets, timers that run, threads. Who made it is noted while the
// application loads.
import { createHook, executionAsyncId } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { readProcFile } from '../../os/proc-file.ts'
import { socketAddress } from '../../os/socket-query.ts'
import { threadIds } from '../../os/thread-record.ts'

export type Kind = 'sockets' | 'timers' | 'threads'

export interface Finding {
  readonly kind: Kind
  /** `socket 21, tcp4 127.0.0.1:5432, made at db.js:12:3` */
  readonly what: string
}

/** Sockets and threads that are no business of the application's. */
export interface Own {
  readonly sockets: ReadonlySet<number>
  readonly threads: ReadonlySet<number>
}

interface Origin {
  readonly type: string
  readonly resource: WeakRef<object>
  readonly where: string
}

const NOTED = new Set(['Timeout', 'TCPWRAP', 'TCPSERVERWRAP', 'PIPEWRAP', 'PIPESERVERWRAP', 'UDPWRAP', 'WORKER'])
const TIMER = 'Timeout'
const THREAD = 'WORKER'
const FRAMES = 30
const UNKNOWN = 'an unknown place'

const origins = new Map<number, Origin>()
/** Of all that goes on later: what is made then has no other place. */
const places = new Map<number, string>()
const hook = createHook({
  init(id, type, _, resource) {
    if (type === 'PROMISE') return
    const where = whereFrom() ?? places.get(executionAsyncId()) ?? UNKNOWN
    places.set(id, where)
    if (NOTED.has(type)) origins.set(id, { type, resource: new WeakRef(resource), where })
  },
  destroy(id) {
    origins.delete(id)
  },
})

/** Notes who makes what, until it is called again with false: it costs time. */
export function noteOrigins(on: boolean): void {
  if (on) hook.enable()
  else hook.disable()
  places.clear()
}

/** Timers that do not keep the process alive are left out: they do no harm where each worker has one. */
export function whatIsOpen(own: Own): Finding[] {
  return [...sockets(own.sockets), ...timers(), ...threads(own.threads)]
}

function sockets(own: ReadonlySet<number>): Finding[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && !own.has(fd) && isSocket(fd))
    .map((fd) => ({
      kind: 'sockets',
      what: `socket ${fd}${addressOf(fd)}${madeAt((resource) => fdOf(resource) === fd)}`,
    }))
}

function timers(): Finding[] {
  const running = process.getActiveResourcesInfo().filter((type) => type === TIMER).length
  const places = [...origins.values()].flatMap(({ type, resource, where }) => {
    const timer = resource.deref() as (NodeJS.Timeout & { _destroyed?: boolean; _repeat?: number | null }) | undefined
    if (type !== TIMER || timer === undefined || timer._destroyed === true || !timer.hasRef()) return []
    return [`${typeof timer._repeat === 'number' ? 'interval' : 'timer'} made at ${where}`]
  })
  return Array.from({ length: running }, (_, index) => ({ kind: 'timers', what: places[index] ?? 'timer' }))
}

function threads(own: ReadonlySet<number>): Finding[] {
  const places = [...origins.values()].filter(({ type }) => type === THREAD).map(({ where }) => where)
  return threadIds()
    .filter((tid) => !own.has(tid))
    .map((tid, index) => {
      const name = readProcFile(`/proc/self/task/${tid}/comm`)?.toString('utf8').trim() ?? ''
      const where = places[index]
      return { kind: 'threads', what: `thread ${tid} (${name})${where === undefined ? '' : ` made at ${where}`}` }
    })
}

function madeAt(isIt: (resource: object) => boolean): string {
  for (const { resource, where } of origins.values()) {
    const known = resource.deref()
    if (known !== undefined && isIt(known)) return `, made at ${where}`
  }
  return ''
}

function fdOf(resource: object): number | null {
  return 'fd' in resource && typeof resource.fd === 'number' ? resource.fd : null
}

function addressOf(fd: number): string {
  try {
    const { family, host, port, path, listening } = socketAddress(fd)
    return ` (${family} ${path === '' ? `${host}:${port}` : path}${listening ? ', listening' : ''})`
  } catch {
    return ''
  }
}

function isSocket(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:')
  } catch {
    return false
  }
}

/** The first place that is neither Node's nor ours. */
function whereFrom(): string | null {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES
  const { stack = '' } = new Error()
  Error.stackTraceLimit = stackTraceLimit
  for (const line of stack.split('\n').slice(1)) {
    const place = /(?:\(|at |async )((?:file:\/\/)?\/[^()]+:\d+:\d+)\)?$/.exec(line)?.[1]
    if (place !== undefined && !place.includes(__filename)) return place.replace('file://', '')
  }
  return null
}
