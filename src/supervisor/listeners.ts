// The sockets that the supervisor owns: bound and listening before any worker runs, and after it died.
import type { ListenAddress, SocketSpec } from '../config/effective.ts'
import { formatListenAddress } from '../config/values/listen-address.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { type InheritedListener, inheritedListeners } from '../os/inherited-sockets.ts'
import {
  backlogLength,
  closeListener,
  closeSharedListener,
  endListening,
  type Listener as OpenListener,
  openListener,
  relisten,
} from '../os/listen.ts'
import { OsError } from '../os/os-error.ts'
import type { SocketReport } from './status-report.ts'

export interface Listener extends OpenListener {
  /** Somebody else has opened it, and may serve on it. */
  readonly inherited?: true
  readonly name: string
  readonly spec: SocketSpec
}

export class Listeners {
  private readonly byName = new Map<string, Listener>()
  /** Of an earlier spec; the workers that were started with them may still serve there. */
  private readonly replaced = new Set<Listener>()
  /** Names of those that were opened at run time. */
  private readonly onDemand = new Set<string>()
  private closed = false

  /**
   * Opens all of `specs`, or none. Sockets that systemd or start_server handed to us are taken over by name.
   * @throws HoldfastError HF_SOCKET_BIND
   */
  openAll(specs: readonly SocketSpec[], environment: Readonly<Record<string, string | undefined>> | null): void {
    const given = environment === null ? [] : inheritedListeners(environment, process.pid)
    const opened: Listener[] = []
    try {
      for (const spec of specs) {
        const inherited = given.find((socket) => isMeantFor(socket, spec))
        opened.push(inherited ? takeOver(spec, inherited) : open(spec))
      }
    } catch (error) {
      for (const listener of opened) close(listener)
      throw error
    }
    for (const listener of opened) {
      const before = this.byName.get(listener.name)
      if (before !== undefined) this.replaced.add(before)
      this.byName.set(listener.name, listener)
    }
  }

  /**
   * Opens `added` and the new versions of `changed`, or none. Workers that were started with the old version of a socket
   * serve on until `closeReplaced`. @returns the old versions
   * @throws HoldfastError HF_SOCKET_BIND
   */
  replaceAll(added: readonly SocketSpec[], changed: readonly SocketSpec[]): Listener[] {
    const moved = changed.filter((spec) => !sameAddress(this.get(spec.name).spec.listen, spec.listen))
    const old = moved.map(({ name }) => this.get(name))
    this.openAll([...added, ...moved], null)
    for (const spec of changed) this.byName.set(spec.name, { ...this.get(spec.name), spec })
    this.restoreBacklog(changed.map(({ name }) => name))
    return old
  }

  /** At run time, beside those of the spec. @throws OsError */
  add(spec: SocketSpec): Listener {
    return this.adopt({ ...openListener(spec), name: spec.name, spec })
  }

  /** As `add`, of one that is open already. */
  adopt(listener: Listener): Listener {
    const { name } = listener
    if (this.closed || this.byName.has(name)) throw new Error(`no room for the listener ${name} (bug)`)
    this.byName.set(name, listener)
    this.onDemand.add(name)
    return listener
  }

  /** Declared or not. */
  find(name: string): Listener | null {
    return this.byName.get(name) ?? null
  }

  /** The one that is bound to this very address. */
  at(address: ListenAddress): Listener | null {
    for (const listener of this.byName.values()) if (sameAddress(listener.address, address)) return listener
    return null
  }

  isOnDemand({ name }: Listener): boolean {
    return this.onDemand.has(name)
  }

  all(): readonly Listener[] {
    return [...this.byName.values()]
  }

  /** Nothing can be opened any more. */
  get isClosed(): boolean {
    return this.closed
  }

  closeReplaced(listeners: readonly Listener[]): void {
    for (const listener of listeners) if (this.replaced.delete(listener)) close(listener)
  }

  get(name: string): Listener {
    const listener = this.byName.get(name)
    if (listener === undefined) throw new Error(`no listener ${name} (bug: the config was checked)`)
    return listener
  }

  /** False: it was closed, or its name has another socket now. */
  has(listener: Listener): boolean {
    return this.byName.get(listener.name) === listener
  }

  /** Node's `listen({ fd })` sets the backlog to 511 for everybody who shares the socket: set ours again. */
  restoreBacklog(names: readonly string[]): void {
    for (const name of names) {
      const listener = this.find(name)
      // A forkserver outlives the sockets of services that are gone.
      if (listener === null) continue
      const { fd, spec, address } = listener
      if (address.family !== 'udp4' && address.family !== 'udp6') relisten(fd, spec.backlog)
    }
  }

  /** To be closed by us: nobody else serves on it, even who still has it. */
  silence({ fd, inherited }: Listener): void {
    if (!inherited) endListening(fd)
  }

  close(name: string): void {
    const listener = this.byName.get(name)
    if (listener === undefined) return
    this.byName.delete(name)
    // During a live restart the other server has those that were opened at run time as well.
    const { fd, address } = listener
    if (this.onDemand.delete(name) && address.family === 'unix') closeSharedListener(fd, address.path, listener)
    else close(listener)
  }

  closeAll(): void {
    this.closed = true
    for (const name of [...this.byName.keys()]) this.close(name)
    this.closeReplaced([...this.replaced])
  }

  report(): SocketReport[] {
    return [...this.byName.values()].map(({ name, fd, address }) => ({
      name,
      listen: formatListenAddress(address),
      queued: backlogLength(fd),
    }))
  }
}

/** The key under which start_server hands a socket on: `host:port`, or the path. */
export function starterKey(address: ListenAddress): string {
  if (address.family === 'unix') return address.path
  return address.family.endsWith('6') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** By name where it has one, else by the very same address. */
function isMeantFor(given: { name: string | null; address: ListenAddress }, spec: SocketSpec): boolean {
  return given.name === spec.name || sameAddress(given.address, spec.listen)
}

function sameAddress(a: ListenAddress, b: ListenAddress): boolean {
  return formatListenAddress(a) === formatListenAddress(b)
}

function takeOver(spec: SocketSpec, { fd, address }: InheritedListener): Listener {
  return { name: spec.name, spec, fd, address, device: null, inode: null, inherited: true }
}

/** An inherited unix socket's file belongs to whoever made it, and stays. */
function close({ fd, address, device, inode }: Listener): void {
  const ours = address.family === 'unix' && inode !== null
  closeListener(fd, ours ? address.path : null, { device, inode })
}

function open(spec: SocketSpec): Listener {
  try {
    return { ...openListener(spec), name: spec.name, spec }
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    throw new HoldfastError(
      'HF_SOCKET_BIND',
      {
        socket: spec.name,
        listen: formatListenAddress(spec.listen),
        problem: error.message,
        mend: mendBind(error.code, spec),
      },
      { cause: error },
    )
  }
}

function mendBind(code: string, spec: SocketSpec): string {
  switch (code) {
    case 'EADDRINUSE':
      return spec.listen.family === 'unix'
        ? 'Another process listens on this path: end it, or choose another path.'
        : `Another process has this port (ss -ltnp 'sport = :${spec.listen.port}' names it): end it, or choose another port.`
    case 'EACCES':
    case 'EPERM':
      return spec.listen.family === 'unix'
        ? 'Check the permissions of the directory.'
        : 'Ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher port.'
    case 'EADDRNOTAVAIL':
      return 'No interface of this machine has this address.'
    case 'ENAMETOOLONG':
      return 'Choose a path of at most 107 bytes; the kernel takes no longer one.'
    case 'ENOENT':
      return 'Make the directory first.'
    default:
      return 'Check the address of the socket in the config.'
  }
}
