import type * as net from 'node:net'
import { builtins } from './builtins.ts'
import type { RequestAccounting } from './request-accounting.ts'

/** On the socket itself: a WeakMap is asked twice for each request, and takes ten times as long. */
const CONNECTION = Symbol('holdfast.connection')

interface Connection {
  /** Several workers may be in one process, and the channels tell each of all requests. */
  readonly owner: HttpAccounting
  /** Requests whose answer is not complete; more than one where a client pipelines. */
  open: number
}

type CountedSocket = net.Socket & { [CONNECTION]?: Connection }

/**
 * Counts the requests of HTTP/1 servers. Node's diagnostics channels say when one begins and is answered, without a listener
 * per request; a connection that closes takes what was open on it along.
 */
export class HttpAccounting {
  readonly #accounting: RequestAccounting
  #subscribed = false

  constructor(accounting: RequestAccounting) {
    this.#accounting = accounting
  }

  /** @param event on which the server shows the sockets that its requests are on. */
  watch(server: net.Server, event: 'connection' | 'secureConnection'): void {
    this.#subscribe()
    server.on(event, (socket: net.Socket) => {
      const connection: Connection = { owner: this, open: 0 }
      ;(socket as CountedSocket)[CONNECTION] = connection
      socket.once('close', () => this.#gone(connection))
    })
  }

  close(): void {
    if (!this.#subscribed) return
    this.#subscribed = false
    const { unsubscribe } = builtins.diagnosticsChannel()
    unsubscribe('http.server.request.start', this.#onStart)
    unsubscribe('http.server.response.finish', this.#onFinish)
  }

  #subscribe(): void {
    if (this.#subscribed) return
    this.#subscribed = true
    const { subscribe } = builtins.diagnosticsChannel()
    subscribe('http.server.request.start', this.#onStart)
    subscribe('http.server.response.finish', this.#onFinish)
  }

  readonly #onStart = (message: unknown): void => this.#started(socketOf(message))
  readonly #onFinish = (message: unknown): void => this.#finished(socketOf(message))

  #started(socket: CountedSocket): void {
    const connection = socket[CONNECTION]
    if (connection?.owner !== this) return // a server that was not given to `listen`, or by another worker
    if (connection.open++ === 0) this.#begin(connection)
  }

  #finished(socket: CountedSocket): void {
    const connection = socket[CONNECTION]
    if (connection?.owner !== this || connection.open === 0) return
    this.#end(connection, 'done')
    if (--connection.open > 0) this.#begin(connection)
  }

  #gone(connection: Connection): void {
    if (connection.open === 0) return
    connection.open = 0
    this.#end(connection, 'gone')
  }

  #begin(connection: Connection): void {
    if (this.#accounting.hasDeadline) this.#accounting.begin(connection)
    else this.#accounting.enter()
  }

  #end(connection: Connection, outcome: 'done' | 'gone'): void {
    if (this.#accounting.hasDeadline) this.#accounting.end(connection, outcome)
    else this.#accounting.leave(outcome)
  }
}

function socketOf(message: unknown): CountedSocket {
  return (message as { socket: CountedSocket }).socket
}
