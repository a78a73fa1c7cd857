// Sockets that workers ask for while the server runs. Bound once, kept as long as the server lives, the same one for everybody who
// names the same address.
import { closeSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { constants } from 'node:os'
import type { ListenAddress } from '../config/effective.ts'
import { formatListenAddress } from '../config/values/listen-address.ts'
import { OsError } from '../os/os-error.ts'
import { resolveHost } from '../os/resolve-host.ts'
import { AF_INET, AF_INET6, decodeSocketAddress } from '../os/socket-address.ts'
import type { Listener, Listeners } from '../supervisor/listeners.ts'
import type { HandedSocket, SocketWish } from '../wire/socket-request.ts'
import type { Predecessors } from './predecessors.ts'

/** A worker that asks for port 0 under ever new names must not use up the server's descriptors. */
const AT_MOST = 512

export class OnDemandSockets {
  readonly #listeners: Listeners
  readonly #predecessors: Predecessors | null
  readonly #report: (text: string) => void
  /** Names of those that somebody here has asked for. */
  readonly #claimed = new Set<string>()

  /** @param report what goes wrong and is nobody's error */
  constructor(listeners: Listeners, predecessors: Predecessors | null, report: (text: string) => void) {
    this.#listeners = listeners
    this.#predecessors = predecessors
    this.#report = report
  }

  /** @throws OsError EADDRINUSE, EACCES, EADDRNOTAVAIL … */
  async open(wish: SocketWish): Promise<Listener> {
    const address = canonical(wish.address)
    const key = keyOf(address, wish.name)
    // Who serves beside us may have opened it a moment ago, and would be in the way of our own.
    if (this.#find(key, address) === null) await this.takeOver()
    const listener = this.#find(key, address) ?? this.#openNew(key, address, wish)
    this.#claimed.add(listener.name)
    return listener
  }

  /** All that servers before us have, and will not need for long. */
  async takeOver(): Promise<void> {
    await this.#predecessors?.handOver((socket, fd) => this.#take(socket, fd), this.#report)
  }

  /** What no worker has asked for is of an earlier program: nobody accepts there, and clients would wait for ever. */
  dropUnclaimed(): void {
    for (const listener of this.#listeners.all()) {
      if (this.#listeners.isOnDemand(listener) && !this.#claimed.has(listener.name))
        this.#listeners.close(listener.name)
    }
  }

  /** False: it was closed meanwhile, and its number may be any other file's. */
  has(listener: Listener): boolean {
    return this.#listeners.has(listener)
  }

  /** For the server after us. */
  all(): { readonly socket: HandedSocket; readonly fd: number }[] {
    return this.#listeners.all().map((listener) => {
      const { name: key, address, fd, spec, device, inode } = listener
      const declared = !this.#listeners.isOnDemand(listener)
      return { socket: { key, address, backlog: spec.backlog, mode: spec.mode, declared, device, inode }, fd }
    })
  }

  #find(key: string, address: ListenAddress): Listener | null {
    const byKey = this.#listeners.find(key)
    if (byKey !== null) return byKey
    return address.family !== 'unix' && address.port === 0 ? null : this.#listeners.at(address)
  }

  #openNew(name: string, listen: ListenAddress, { backlog, mode }: SocketWish): Listener {
    if (this.#listeners.isClosed) throw problem(constants.errno.ECANCELED, 'the server is about to end')
    const count = this.#listeners.all().filter((one) => this.#listeners.isOnDemand(one)).length
    if (count >= AT_MOST) throw problem(constants.errno.EMFILE, `the server has opened ${AT_MOST} sockets on demand`)
    return this.#listeners.add(specOf(name, listen, { backlog, mode }))
  }

  #take({ key, address, backlog, mode, declared, device, inode }: HandedSocket, fd: number): void {
    // Declared ones have come from the supervisor; and others are handed on by each server that still finishes its work.
    if (declared || this.#listeners.isClosed || this.#find(key, address) !== null) return closeSync(fd)
    this.#listeners.adopt({ name: key, spec: specOf(key, address, { backlog, mode }), fd, address, device, inode })
  }
}

/** The address as it was asked for; with port 0 that is not where it is bound, and a name tells several apart. */
function keyOf(address: ListenAddress, name: string | null): string {
  const key = formatListenAddress(address)
  return name !== null && address.family !== 'unix' && address.port === 0 ? `${key}#${name}` : key
}

/** One spelling for each address. No name is resolved here: that may take long, and nothing may wait in the server. */
function canonical(address: SocketWish['address']): ListenAddress {
  if (address.family === 'unix') return address
  const { family, host, port } = address
  const isSix = family.endsWith('6')
  if (!(isSix ? isIPv6(host) : isIPv4(host)))
    throw problem(constants.errno.EINVAL, `${host} is not an IPv${isSix ? 6 : 4} address`)
  const resolved = decodeSocketAddress(resolveHost(host, isSix ? AF_INET6 : AF_INET))
  return { family, host: resolved?.host ?? host, port }
}

function specOf(name: string, listen: ListenAddress, { backlog, mode }: Pick<SocketWish, 'backlog' | 'mode'>) {
  return { name, listen, backlog, mode, user: null, group: null, nonblocking: false, v6only: true }
}

function problem(errno: number, explanation: string): OsError {
  return new OsError('bind', errno, { explanation })
}
