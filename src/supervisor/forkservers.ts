// Which forkserver forks the workers of which generation. Each generation of a service has one for its life, so that a worker that
// crashes comes back with the code it had; a new generation gets one that has loaded since, and may share it with other services.
import { fstatSync } from 'node:fs'
import { isSameForkserver } from '../config/diff.ts'
import type { ForkserverSpec, ServiceSpec } from '../config/effective.ts'
import { isDown } from '../rollout/service-state.ts'
import { ForkserverInstance } from './forkserver-instance.ts'
import { instanceName, targetName } from './forkserver-name.ts'
import { serviceOfForkserver } from './forkserver-spec.ts'
import type { Happening } from './happening.ts'
import type { Listeners } from './listeners.ts'
import { socketsOf } from './prepare-fork.ts'
import type { ProxyWorkers } from './proxy-workers.ts'
import type { ServiceRuntime } from './service-runtime.ts'

export interface ForkserversContext {
  readonly services: ReadonlyMap<string, ServiceRuntime>
  readonly listeners: Listeners
  /** Of forkservers themselves: workers of a library's server stay in its session. */
  readonly session: ServiceSpec['session']
  /** For one that is not ours. */
  readonly newProxy: (instance: string) => ProxyWorkers
  /** Makes it known, without starting it. */
  readonly add: (spec: ServiceSpec, generation: number) => void
  readonly remove: (name: string) => void
  readonly runtimeOf: (name: string) => ServiceRuntime | undefined
  readonly dispatch: (name: string, happening: Happening) => void
}

export class Forkservers {
  private readonly context: ForkserversContext
  private readonly instances = new Map<string, ForkserverInstance>()
  /** By service, then by generation. */
  private readonly chosen = new Map<string, Map<number, ForkserverInstance>>()
  /** Counts what happens, so that it is known what came before what. */
  private events = 0
  /** When the newest generation of a service came to be. */
  private readonly madeAt = new Map<string, number>()
  /** Since when the generations count that an operation under way makes, by service. */
  private readonly sharedSince = new Map<string, number>()
  private readonly lastGeneration = new Map<string, number>()
  /** For the generations that are about to be made, by the name of the forkserver. */
  private readonly offered = new Map<string, ForkserverInstance>()

  constructor(context: ForkserversContext) {
    this.context = context
  }

  get all(): readonly ForkserverInstance[] {
    return [...this.instances.values()]
  }

  of(forkserver: string): readonly ForkserverInstance[] {
    return this.all.filter(({ spec }) => spec.name === forkserver)
  }

  named(instance: string): ForkserverInstance | undefined {
    return this.instances.get(instance)
  }

  /** The newest that is not on its way out. */
  newest(forkserver: string): ForkserverInstance | null {
    return this.of(forkserver).findLast(({ ending }) => !ending) ?? null
  }

  /** A service has a generation that was not there before. */
  noteGeneration(service: string): void {
    this.madeAt.set(service, this.sharedSince.get(service) ?? ++this.events)
  }

  /** Generations that these services are given until it is done come of one operation: what loads for one of them is new to all. */
  share(services: Iterable<string>): { done(): void } {
    const since = ++this.events
    const names = [...services]
    for (const name of names) this.sharedSince.set(name, since)
    const done = (): void => {
      for (const name of names) if (this.sharedSince.get(name) === since) this.sharedSince.delete(name)
    }
    return { done }
  }

  /** The service is gone; one of the same name has generations of its own. */
  forgetService(service: string): void {
    this.chosen.delete(service)
    this.madeAt.delete(service)
  }

  /**
   * For a worker of this generation. Started if it was not.
   * @throws Error where the operator has to start it, or where it has given up
   */
  choose(service: string, generation: number, spec: ServiceSpec): ForkserverInstance {
    const { forkserver } = spec
    if (forkserver === null) throw new Error(`${service} has no forkserver (bug)`)
    const ofService = this.chosen.get(service) ?? new Map<number, ForkserverInstance>()
    this.chosen.set(service, ofService)
    const known = ofService.get(generation)
    const instance = known !== undefined && this.isFit(known) ? known : this.fresh(service, forkserver, spec)
    ofService.set(generation, instance)
    this.ensureStarted(instance)
    return instance
  }

  /** @returns the newest, or a new one */
  hold(spec: ForkserverSpec): ForkserverInstance {
    const newest = this.newest(spec.name)
    const instance = newest !== null && isSameForkserver(newest.spec, spec) ? newest : this.make(spec)
    instance.held = true
    const phase = this.context.runtimeOf(instance.name)?.state.slots[0]?.phase
    if (phase?.is === 'fatal') this.context.dispatch(instance.name, { is: 'start', slots: null })
    this.ensureStarted(instance)
    return instance
  }

  /** One that loads now, whatever there is. Held: nobody forks from it yet. @param before it is started */
  renew(spec: ForkserverSpec, before: (instance: ForkserverInstance) => void = () => {}): ForkserverInstance {
    const instance = this.make(spec)
    instance.held = true
    before(instance)
    this.ensureStarted(instance)
    return instance
  }

  /** Generations of services that are made from now on take this one, until it is withdrawn. */
  offer(instance: ForkserverInstance): void {
    this.offered.set(instance.spec.name, instance)
  }

  withdraw(instance: ForkserverInstance): void {
    if (this.offered.get(instance.spec.name) === instance) this.offered.delete(instance.spec.name)
  }

  /** The generations of services that fork from it. */
  usersOf(instance: ForkserverInstance): [string, number][] {
    return [...this.chosen].flatMap(([service, ofService]) =>
      [...ofService]
        .filter(([, one]) => one === instance)
        .map(([generation]): [string, number] => [service, generation]),
    )
  }

  /** The same generations fork from another one from now on. @returns the workers that come from the old one */
  handOver(from: ForkserverInstance, to: ForkserverInstance): { service: string; slots: number[] }[] {
    return this.usersOf(from).flatMap(([service, generation]) => {
      const runtime = this.context.services.get(service)
      if (runtime === undefined || generation !== runtime.state.goal) return []
      this.chosen.get(service)?.set(generation, to)
      const slots = [...runtime.slots].filter(([, { processes }]) => processes.size > 0).map(([slot]) => slot)
      return slots.length === 0 ? [] : [{ service, slots }]
    })
  }

  /** Living workers that were forked from any of that name, or that would have been. */
  workersFrom(forkserver: string): number {
    return [...this.context.services.values()]
      .flatMap(({ slots }) => [...slots.values()])
      .flatMap(({ processes }) => [...processes.values()])
      .filter(({ spec }) => spec.forkserver?.name === forkserver).length
  }

  /** Of this one, that live. */
  workersOf(instance: ForkserverInstance): number {
    return this.usersOf(instance).reduce(
      (sum, [service, generation]) => sum + processesOf(this.context.services.get(service), generation),
      0,
    )
  }

  /** Its workers live on; the next one that is wanted brings it back, if it is `auto`. */
  end(instance: ForkserverInstance, text: string): void {
    instance.held = false
    instance.ending = true
    this.context.dispatch(instance.name, { is: 'stop', slots: null, text })
  }

  /** After any change: what nobody needs any more is ended, what has ended is forgotten. */
  review(): void {
    for (const instance of this.instances.values()) {
      const state = this.context.runtimeOf(instance.name)?.state
      if (state === undefined) continue
      if (!instance.ending && !instance.held && !this.isNeeded(instance))
        this.end(instance, 'no worker is left that could be forked from it')
      if (instance.ending && isDown(state) && state.wanted === 'down') this.forget(instance)
    }
  }

  private forget(instance: ForkserverInstance): void {
    this.instances.delete(instance.name)
    instance.proxy?.close()
    for (const ofService of this.chosen.values())
      for (const [generation, one] of ofService) if (one === instance) ofService.delete(generation)
    this.context.remove(instance.name)
  }

  private isFit(instance: ForkserverInstance): boolean {
    return !instance.ending && this.instances.has(instance.name)
  }

  private fresh(service: string, forkserver: ForkserverSpec, spec: ServiceSpec): ForkserverInstance {
    const newest = this.newest(forkserver.name)
    const offered = this.offered.get(forkserver.name)
    const madeAt = this.madeAt.get(service) ?? 0
    for (const one of [offered, newest]) {
      if (one == null || one.ending || !isSameForkserver(one.spec, forkserver)) continue
      if ((one === offered || one.since > madeAt) && this.hasSockets(one, spec)) return one
    }
    if (!forkserver.auto && newest === null)
      throw new Error(
        `forkserver ${forkserver.name} does not run (auto: false); start it: holdfast start forkserver:${forkserver.name}`,
      )
    const made = this.make(forkserver)
    // A later one takes the place of the one that the operator has started.
    if (newest?.held) {
      made.held = true
      newest.held = false
    }
    return made
  }

  private make(spec: ForkserverSpec): ForkserverInstance {
    const generation = (this.lastGeneration.get(spec.name) ?? 0) + 1
    this.lastGeneration.set(spec.name, generation)
    const sockets = this.socketsFor(spec.name)
    const proxy = spec.command === null ? null : this.context.newProxy(instanceName(spec.name, generation))
    const instance = new ForkserverInstance(spec, generation, ++this.events, sockets, proxy)
    const { session } = this.context
    this.instances.set(instance.name, instance)
    this.context.add(serviceOfForkserver(spec, generation, { sockets: [...sockets.keys()], session }), generation)
    return instance
  }

  private ensureStarted(instance: ForkserverInstance): void {
    const state = this.context.runtimeOf(instance.name)?.state
    const phase = state?.slots[0]?.phase
    const { name } = instance.spec
    if (phase?.is === 'fatal')
      throw new Error(`forkserver ${name} is fatal: ${phase.why}; start it again: holdfast start ${targetName(name)}`)
    if (state?.wanted === 'down' || phase?.is === 'exited' || phase?.is === 'stopped')
      this.context.dispatch(instance.name, { is: 'start', slots: null })
  }

  /** Of all that may fork from it, in their order: those of the first service are where a spawned worker has them. */
  private socketsFor(forkserver: string): ForkserverInstance['sockets'] {
    const names = new Set<string>()
    for (const { state } of this.context.services.values()) {
      const spec = state.specs[state.goal]
      if (spec?.forkserver?.name === forkserver) for (const name of socketsOf(spec)) names.add(name)
    }
    return new Map([...names].map((name, index) => [name, { inode: this.inodeOf(name), theirs: 3 + index }]))
  }

  private hasSockets({ sockets }: ForkserverInstance, spec: ServiceSpec): boolean {
    return socketsOf(spec).every((name) => sockets.get(name)?.inode === this.inodeOf(name))
  }

  /** Of the socket itself: the number of a descriptor is used again. */
  private inodeOf(socket: string): number {
    return fstatSync(this.context.listeners.get(socket).fd).ino
  }

  private isNeeded(instance: ForkserverInstance): boolean {
    if (instance.waiting.length > 0 || instance.orders.size > 0) return true
    // After any change, of a thousand services perhaps: the first that needs it is enough.
    for (const [service, ofService] of this.chosen) {
      const runtime = this.context.services.get(service)
      if (runtime === undefined) continue
      for (const [generation, one] of ofService)
        if (one === instance && needsForkserver(runtime, generation)) return true
    }
    return false
  }
}

/** It has workers of this generation, or may start some. */
function needsForkserver(runtime: ServiceRuntime, generation: number): boolean {
  const { state } = runtime
  if (processesOf(runtime, generation) > 0) return true
  if (state.wanted !== 'up' || (generation !== state.generation && generation !== state.goal)) return false
  return state.slots.some(({ phase, other }) => other !== null || !AT_REST.has(phase.is))
}

function processesOf(runtime: ServiceRuntime | undefined, generation: number): number {
  const processes = [...(runtime?.slots.values() ?? [])].flatMap((slot) => [...slot.processes.values()])
  return processes.filter((process) => process.generation === generation).length
}

const AT_REST: ReadonlySet<string> = new Set(['stopped', 'exited', 'fatal'])
