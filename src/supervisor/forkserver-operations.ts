// What the operator may ask of forkservers.
import type { ForkserverSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isDown, specOf } from '../rollout/service-state.ts'
import type { OperationRequest, ServiceOutcome } from './engine-api.ts'
import type { ForkserverInstance } from './forkserver-instance.ts'
import { targetName } from './forkserver-name.ts'
import type { Interpreter } from './interpreter.ts'
import { startOutcome, stopOutcome } from './operation-outcome.ts'
import type { Operations } from './operations.ts'

export interface ForkserverOperationsContext {
  readonly interpreter: Interpreter
  readonly operations: Operations
  readonly declared: () => Readonly<Record<string, ForkserverSpec>>
}

export class ForkserverOperations {
  private readonly context: ForkserverOperationsContext

  constructor(context: ForkserverOperationsContext) {
    this.context = context
  }

  /** Declared ones, and those that still run although they are not any more. */
  get names(): string[] {
    const running = this.context.interpreter.forkservers.all.map(({ spec }) => spec.name)
    return [...new Set([...Object.keys(this.context.declared()), ...running])]
  }

  operate(request: OperationRequest, names: readonly string[]): Promise<ServiceOutcome[]> {
    switch (request.verb) {
      case 'start':
        return Promise.all(names.map((name) => this.start(name)))
      case 'stop':
        return Promise.all(names.map((name) => this.stop(name, 'stopped by the operator')))
      case 'restart':
      case 'reload':
        return Promise.all(names.map((name) => this.restart(name, request))).then((outcomes) => outcomes.flat())
      default:
        throw new HoldfastError('HF_BAD_REQUEST', {
          problem: `${request.verb} is not for a forkserver: start, stop, restart and status are`,
        })
    }
  }

  /** Whoever is not in the config any more, and whose workers are gone or were never there. */
  endUndeclared(): void {
    const { forkservers } = this.context.interpreter
    const declared = this.context.declared()
    for (const instance of forkservers.all) if (declared[instance.spec.name] === undefined) instance.held = false
    forkservers.review()
  }

  /** All of them: everything goes down. */
  async endAll(text: string): Promise<void> {
    await Promise.all(this.names.map((name) => this.stop(name, text)))
  }

  private async start(name: string): Promise<ServiceOutcome> {
    const { forkservers } = this.context.interpreter
    const before = forkservers.newest(name)
    const hadLoaded = before !== null && before.loaded !== null
    const instance = forkservers.hold(this.specOf(name))
    const outcome = await this.waitLoaded(instance)
    if (outcome.ok && !hadLoaded) this.wake(name)
    return before === instance && outcome.ok ? { ...outcome, message: `already running, ${outcome.message}` } : outcome
  }

  /** Workers that have failed for want of it need not wait any longer. Those that crash by themselves go on waiting. */
  private wake(name: string): void {
    const { interpreter } = this.context
    for (const service of this.usersOf(name)) {
      const slots =
        interpreter.services
          .get(service)
          ?.state.slots.filter(({ phase }) => phase.is === 'backoff' && !phase.crashLoop) ?? []
      if (slots.length > 0) interpreter.dispatch(service, { is: 'start', slots: slots.map(({ slot }) => slot) })
    }
  }

  private async stop(name: string, text: string): Promise<ServiceOutcome> {
    const { forkservers } = this.context.interpreter
    const instances = forkservers.of(name)
    const service = targetName(name)
    if (instances.length === 0) return { service, ok: true, message: 'already stopped' }
    for (const instance of instances) forkservers.end(instance, text)
    const outcomes = await Promise.all(
      instances.map(({ name: one }) => this.context.operations.wait(one, (runtime) => stopOutcome(runtime, null))),
    )
    const failed = outcomes.find(({ ok }) => !ok)
    if (failed !== undefined) return { ...failed, service }
    const workers = forkservers.workersFrom(name)
    return { service, ok: true, message: workers === 0 ? 'stopped' : `stopped; its ${workers} workers live on` }
  }

  /** The new one first; when it has loaded its services roll over to it. */
  private async restart(name: string, request: OperationRequest): Promise<ServiceOutcome[]> {
    const { interpreter, operations } = this.context
    const { forkservers } = interpreter
    const spec = this.specOf(name)
    const before = forkservers.of(name).filter(({ ending }) => !ending)
    const wasHeld = before.some(({ held }) => held)
    const instance = forkservers.renew(spec)
    const outcome = await this.waitLoaded(instance)
    if (!outcome.ok) {
      forkservers.end(instance, 'it could not load, and the one before it stays')
      const message = before.length === 0 ? outcome.message : `${outcome.message}; the one before it stays`
      return [{ ...outcome, message }]
    }
    const services = this.usersOf(name)
    forkservers.offer(instance)
    try {
      const targets = services.map((service) => service)
      const rolled =
        targets.length === 0 ? [] : (await operations.operate({ ...request, verb: 'restart', targets })).services
      return [{ ...outcome, message: `restarted, ${outcome.message}` }, ...rolled]
    } finally {
      forkservers.withdraw(instance)
      // One without services stays up if it was, as a new one that was asked for does.
      instance.held = wasHeld || services.length === 0
      for (const one of before) one.held = false
      forkservers.review()
    }
  }

  private async waitLoaded(instance: ForkserverInstance): Promise<ServiceOutcome> {
    const outcome = await this.context.operations.wait(instance.name, (runtime) => startOutcome(runtime, null))
    const service = targetName(instance.spec.name)
    if (instance.ending) return { service, ok: false, message: 'stopped meanwhile' }
    if (outcome.ok) return { service, ok: true, message: `generation ${instance.generation}` }
    const { lastError, generation } = instance
    const why = lastError === null ? {} : { reason: lastError }
    return { ...outcome, service, message: `generation ${generation} could not load`, step: 'load', ...why }
  }

  private usersOf(name: string): string[] {
    return [...this.context.interpreter.services.values()]
      .filter(({ state }) => state.wanted === 'up' && !isDown(state))
      .filter(({ state }) => specOf(state, state.goal).forkserver?.name === name)
      .map(({ state }) => state.name)
  }

  private specOf(name: string): ForkserverSpec {
    const spec = this.context.declared()[name]
    if (spec !== undefined) return spec
    throw new HoldfastError('HF_BAD_REQUEST', { problem: `forkserver ${name} is not in the config any more` })
  }
}
