import type {
  BoundAddress,
  Listenable,
  ListenFallback,
  Promotion,
  Role,
  StopRequest,
  Worker,
} from '../worker/worker.ts'
import {
  type ListenHost,
  ListenOnDemand,
  type ListenTcpOptions,
  type ListenUdpOptions,
  type ListenUnixOptions,
  type SocketOnDemand,
  type UnixSocketOnDemand,
} from './listen-on-demand.ts'
import type { WorkerContext } from './worker-definition.ts'

interface ContextHost<Config> extends ListenHost {
  readonly config: Config
  readonly server: { readonly name: string; readonly pid: number }
}

/** The SDK's worker, with what a worker of a server has besides. */
export class ServerWorkerContext<Config> implements WorkerContext<Config> {
  readonly #worker: Worker
  readonly #host: ContextHost<Config>
  readonly #onDemand: ListenOnDemand

  constructor(worker: Worker, host: ContextHost<Config>) {
    this.#worker = worker
    this.#host = host
    this.#onDemand = new ListenOnDemand(worker, host)
  }

  get workerId(): number {
    return this.#worker.slot
  }

  get config(): Config {
    return this.#host.config
  }

  get server(): { readonly name: string; readonly pid: number } {
    return this.#host.server
  }

  get supervised(): boolean {
    return this.#worker.supervised
  }

  get service(): string {
    return this.#worker.service
  }

  get slot(): number {
    return this.#worker.slot
  }

  get generation(): number {
    return this.#worker.generation
  }

  get role(): Role {
    return this.#worker.role
  }

  get id(): string {
    return this.#worker.id
  }

  get signal(): AbortSignal {
    return this.#worker.signal
  }

  get logger(): Worker['logger'] {
    return this.#worker.logger
  }

  get autoHeartbeat(): boolean {
    return this.#worker.autoHeartbeat
  }

  set autoHeartbeat(on: boolean) {
    this.#worker.autoHeartbeat = on
  }

  get exitOnStop(): boolean {
    return this.#worker.exitOnStop
  }

  set exitOnStop(on: boolean) {
    this.#worker.exitOnStop = on
  }

  async listen(name: string, server: Listenable, fallback?: ListenFallback | number): Promise<BoundAddress> {
    await this.#promoted()
    const address = await this.#worker.listen(name, server, fallback)
    this.#host.listens()
    return address
  }

  /** A standby is ready for its promotion, and takes no client before it. @throws AbortError when a stop is asked first */
  #promoted(): Promise<void> {
    if (this.#worker.role === 'main') return Promise.resolve()
    this.#worker.ready()
    const { signal } = this.#worker
    return new Promise((resolve, reject) => {
      this.#worker.onPromote(() => resolve())
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  async listenTcp(host: string, port: number, options: ListenTcpOptions = {}): Promise<SocketOnDemand> {
    await this.#promoted()
    return this.#onDemand.tcp(host, port, options)
  }

  async listenUdp(host: string, port: number, options: ListenUdpOptions = {}): Promise<SocketOnDemand> {
    await this.#promoted()
    return this.#onDemand.udp(host, port, options)
  }

  async listenUnix(path: string, options: ListenUnixOptions = {}): Promise<UnixSocketOnDemand> {
    await this.#promoted()
    return this.#onDemand.unix(path, options)
  }

  ready(): void {
    this.#worker.ready()
  }

  heartbeat(): void {
    this.#worker.heartbeat()
  }

  tick(): boolean {
    return this.#worker.tick()
  }

  status(text: string): void {
    this.#worker.status(text)
  }

  finishing(): void {
    this.#worker.finishing()
  }

  request<T>(fn: () => T): T {
    return this.#worker.request(fn)
  }

  stop(reason?: string): Promise<void> {
    return this.#worker.stop(reason)
  }

  onStop(fn: (request: StopRequest) => unknown): void {
    this.#worker.onStop(fn)
  }

  onReload(fn: (config: unknown) => unknown): void {
    this.#worker.onReload(fn)
  }

  onPromote(fn: (promotion: Promotion) => unknown): void {
    this.#worker.onPromote(fn)
  }

  beforeFork(fn: () => unknown): void {
    this.#worker.beforeFork(fn)
  }

  afterFork(fn: () => unknown): void {
    this.#worker.afterFork(fn)
  }

  fencingToken(): string | null {
    return this.#worker.fencingToken()
  }

  assertMain(): void {
    this.#worker.assertMain()
  }
}
