// The operator's verbs: which services, in which order, and how each came out.
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { StopWay } from '../lifecycle/process-state.ts'
import { slotIsUp, slotServes } from '../lifecycle/slot-state.ts'
import { parseSignal } from '../os/signals.ts'
import { dependentsOf, stopWaves, withDependencies } from '../rollout/dependencies.ts'
import { isDown, isRolling, specOf } from '../rollout/service-state.ts'
import type { OperationOutcome, OperationRequest, Progress, ServiceOutcome } from './engine-api.ts'
import { refuseSlots, switchesOf } from './failover.ts'
import type { Happening } from './happening.ts'
import type { Interpreter } from './interpreter.ts'
import type { Journal } from './journal.ts'
import {
  blockedOutcome,
  count,
  type OutcomeSoFar,
  rolloutOutcome,
  scaleOutcome,
  startOutcome,
  stopOutcome,
} from './operation-outcome.ts'
import { type ProgressGoal, type ProgressTarget, reportProgress } from './operation-progress.ts'
import { sendOperatorSignal } from './operator-signal.ts'
import { currentProcess, type ServiceRuntime } from './service-runtime.ts'
import { type ResolvedTarget, resolveTargets } from './targets.ts'

/** A slip of the finger, rather than a wish. */
const MOST_WORKERS = 10_000

export class Operations {
  private readonly interpreter: Interpreter
  private readonly journal: Journal
  private readonly most: number | null
  private readonly waiting = new Map<string, Set<() => void>>()
  /** How often each service was asked to stop: a restart in waves does not bring back what was stopped since. */
  private readonly stops = new Map<string, number>()

  /** @param most workers of a service that can not have more, null: no such limit */
  constructor(interpreter: Interpreter, journal: Journal, most: number | null = null) {
    this.interpreter = interpreter
    this.most = most
    this.journal = journal
    interpreter.onChange((service) => {
      for (const look of [...(this.waiting.get(service) ?? [])]) look()
    })
  }

  /** @throws HoldfastError HF_TARGET_UNKNOWN */
  resolve(targets: readonly string[]): ResolvedTarget[] {
    const services = [...this.interpreter.services.values()].map(({ state }) => ({
      name: state.name,
      tags: specOf(state, state.generation).tags,
      slots:
        state.slots.length > 0
          ? state.slots.map(({ slot }) => slot)
          : Array.from({ length: state.desired }, (_, slot) => slot),
    }))
    return resolveTargets(targets, services)
  }

  async operate(request: OperationRequest, onProgress?: (progress: Progress) => void): Promise<OperationOutcome> {
    const targets = this.resolve(request.targets)
    const names = new Set(targets.map(({ service }) => service))
    const unsubscribe =
      onProgress === undefined ? () => {} : this.reportOn(targets, this.goalOf(request, targets), onProgress)
    try {
      const services = await this.carryOut(request, targets, names)
      return { ok: services.every(({ ok }) => ok), services }
    } finally {
      unsubscribe()
    }
  }

  /** Waits until `look` finds an outcome. Looks at once, then after each change of the service or one of `others`. */
  wait(
    service: string,
    look: (runtime: ServiceRuntime) => OutcomeSoFar,
    others: Iterable<string> = [],
  ): Promise<ServiceOutcome> {
    return new Promise((resolve) => {
      const watched = [service, ...others].map((name) => {
        const looks = this.waiting.get(name) ?? new Set()
        this.waiting.set(name, looks)
        return looks
      })
      const lookAgain = (): void => {
        const runtime = this.interpreter.registry.get(service)
        const outcome = runtime === undefined ? { service, ok: true, message: 'removed' } : look(runtime)
        if (outcome === null) return
        for (const looks of watched) looks.delete(lookAgain)
        resolve(outcome)
      }
      for (const looks of watched) looks.add(lookAgain)
      lookAgain()
    })
  }

  /** Waits until the service (or these slots of it) is up, or does not come up for now. */
  waitStarted(name: string, slots: readonly number[] | null): Promise<ServiceOutcome> {
    const look = (runtime: ServiceRuntime) => startOutcome(runtime, slots) ?? this.blocked(runtime)
    return this.wait(name, look, this.dependenciesOf(name))
  }

  private blocked(runtime: ServiceRuntime): OutcomeSoFar {
    return blockedOutcome(runtime, (other) => this.interpreter.services.get(other))
  }

  /** Direct and indirect ones. */
  private dependenciesOf(name: string, found = new Set<string>()): ReadonlySet<string> {
    const state = this.interpreter.services.get(name)?.state
    if (state === undefined) return found
    for (const dependency of Object.keys(specOf(state, state.generation).dependsOn)) {
      if (found.has(dependency)) continue
      found.add(dependency)
      this.dependenciesOf(dependency, found)
    }
    return found
  }

  /** Stops services, dependents before what they depend on. */
  async stopInOrder(names: readonly string[], text: string, how: StopWay = {}): Promise<ServiceOutcome[]> {
    const outcomes: ServiceOutcome[] = []
    for (const wave of stopWaves(names, this.specs())) {
      for (const name of wave) {
        this.stops.set(name, (this.stops.get(name) ?? 0) + 1)
        this.interpreter.dispatch(name, { is: 'stop', slots: null, text, ...how })
      }
      outcomes.push(
        ...(await Promise.all(wave.map((name) => this.wait(name, (runtime) => stopOutcome(runtime, null))))),
      )
    }
    return outcomes
  }

  private carryOut(
    request: OperationRequest,
    targets: ResolvedTarget[],
    names: Set<string>,
  ): Promise<ServiceOutcome[]> {
    switch (request.verb) {
      case 'start':
        return this.start(targets)
      case 'stop':
        return this.stop(targets, names, request.withDependents ?? false)
      case 'restart':
        return this.restart(targets, request)
      case 'reload':
        return this.reload(targets, request)
      case 'scale':
        return this.scale(targets, request.count ?? '')
      case 'failover':
        return this.restart(switchesOf(this.interpreter, targets), request)
      case 'signal':
        return Promise.resolve(this.signal(targets, request.signal ?? '', request.group ?? false))
    }
  }

  private start(targets: readonly ResolvedTarget[]): Promise<ServiceOutcome[]> {
    const asked = new Map(targets.map(({ service, slots }) => [service, slots]))
    const order = withDependencies([...asked.keys()], this.specs())
    return Promise.all(
      order.map((name) => {
        const slots = asked.get(name) ?? null
        const already = startOutcome(this.runtime(name), slots)
        if (already?.ok && this.runtime(name).state.wanted === 'up' && this.slotsServe(name, slots)) {
          return { ...already, message: `already running, ${already.message}` }
        }
        this.interpreter.dispatch(name, { is: 'start', slots })
        return this.waitStarted(name, slots)
      }),
    )
  }

  private async stop(
    targets: ResolvedTarget[],
    names: Set<string>,
    withDependents: boolean,
  ): Promise<ServiceOutcome[]> {
    const specs = this.specs()
    const whole = targets.filter(({ slots }) => slots === null).map(({ service }) => service)
    for (const name of whole) {
      const dependents = dependentsOf(name, specs).filter((other) => !names.has(other) && this.isUp(other))
      if (dependents.length > 0 && !withDependents) {
        throw new HoldfastError('HF_DEPENDENTS_UP', { service: name, dependents: dependents.join(', ') })
      }
      whole.push(...dependents.filter((other) => !whole.includes(other)))
    }
    const text = 'stopped by the operator'
    const workers = targets.flatMap(({ service, slots }) => (slots === null ? [] : [{ service, slots }]))
    // A second request hurries the first.
    const idle = new Set(whole.filter((name) => isDown(this.runtime(name).state)))
    for (const name of whole)
      if (this.runtime(name).state.wanted === 'down') this.interpreter.dispatch(name, { is: 'hurry' })
    const single = workers.map(({ service, slots }) => {
      this.interpreter.dispatch(service, { is: 'stop', slots, text })
      return this.wait(service, (runtime) => stopOutcome(runtime, slots))
    })
    const stopped = await this.stopInOrder(whole, text)
    const outcomes = stopped.map((one) => (idle.has(one.service) ? { ...one, message: 'already stopped' } : one))
    return [...outcomes, ...(await Promise.all(single))]
  }

  private async restart(targets: readonly ResolvedTarget[], request: OperationRequest): Promise<ServiceOutcome[]> {
    if (request.replace !== true) for (const { service } of targets) this.refuseDuringRollout(service)
    const mode = request.cold ? 'cold' : request.atOnce ? 'at-once' : 'rolling'
    const what = request.verb === 'failover' ? 'a planned switch of the main' : `${mode} restart`
    const cause = `${what} asked by the operator`
    const slotsOf = new Map(targets.map(({ service, slots }) => [service, slots]))
    const outcomes: ServiceOutcome[] = []
    // Dependencies first: what a service needs is there again before its own workers are replaced.
    const stopsBefore = new Map(this.stops)
    for (const wave of stopWaves([...slotsOf.keys()], this.specs()).reverse()) {
      const started = wave.map((name) =>
        this.stops.get(name) === stopsBefore.get(name) && !this.interpreter.goingDown
          ? this.roll(name, { is: 'restart', slots: slotsOf.get(name) ?? null, mode, cause })
          : { service: name, ok: false, message: 'stopped meanwhile' },
      )
      outcomes.push(...(await Promise.all(started)))
    }
    return outcomes
  }

  /** Starts a rollout and waits for its end; a later one that supersedes it ends the waiting too. */
  roll(name: string, happening: Happening): Promise<ServiceOutcome> {
    this.interpreter.dispatch(name, happening)
    const begun = this.runtime(name).state.rollout
    const mine = isRolling(begun) ? begun.renewBelow : null
    // There was nothing to replace: it starts, or waits for what it depends on.
    if (mine === null && begun.is === 'stable') return this.waitStarted(name, null)
    return this.wait(name, (runtime) => {
      const { rollout } = runtime.state
      // Every rollout has a `renewBelow` of its own, which lasts from its first step to its last.
      if (isRolling(rollout) && rollout.renewBelow !== mine) {
        return { service: name, ok: false, message: 'superseded by a later rollout' }
      }
      if (rollout.is !== 'stable') return rolloutOutcome(runtime)
      return startOutcome(runtime, null)?.ok === false ? startOutcome(runtime, null) : rolloutOutcome(runtime)
    })
  }

  private reload(targets: readonly ResolvedTarget[], request: OperationRequest): Promise<ServiceOutcome[]> {
    for (const { service, slots } of targets) {
      const running = this.runtime(service).state.slots.filter(
        (slot) => slotServes(slot) && (slots?.includes(slot.slot) ?? true),
      )
      if (running.length === 0) throw new HoldfastError('HF_NOT_RUNNING', { target: service })
    }
    const rolling = targets.filter(({ service }) => this.reloadsByRolling(service))
    const signalled = targets.filter(({ service }) => !this.reloadsByRolling(service))
    const inPlace = signalled.map(({ service, slots }) => this.reloadInPlace(service, slots))
    const rolled = rolling.length === 0 ? Promise.resolve([]) : this.restart(rolling, { ...request, cold: false })
    return Promise.all([rolled, Promise.all(inPlace)]).then(([a, b]) => [...a, ...b])
  }

  private reloadInPlace(service: string, slots: readonly number[] | null): Promise<ServiceOutcome> {
    const left = new Set(
      this.runtime(service)
        .state.slots.filter((slot) => slotServes(slot) && (slots?.includes(slot.slot) ?? true))
        .map(({ slot }) => slot),
    )
    const total = left.size
    const errors: string[] = []
    return new Promise((resolve) => {
      const stop = this.interpreter.onReloadDone((name, slot, error) => {
        if (name !== service || !left.delete(slot)) return
        if (error !== null) errors.push(`${service}/${slot}: ${error}`)
        if (left.size > 0) return
        stop()
        const ok = errors.length === 0
        resolve({
          service,
          ok,
          message: ok ? `reloaded ${count(total)}` : 'reload failed',
          ...(ok ? {} : { step: 'reload', reason: errors.join('; ') }),
        })
      })
      this.interpreter.dispatch(service, { is: 'reload', slots: [...left] })
    })
  }

  private scale(targets: readonly ResolvedTarget[], change: string): Promise<ServiceOutcome[]> {
    if (!/^[+-]?\d{1,5}$/.test(change))
      throw new HoldfastError('HF_BAD_REQUEST', { problem: `"${change}" is not a number of workers (4, +1, -2)` })
    if (targets.some(({ slots }) => slots !== null)) {
      throw new HoldfastError('HF_BAD_REQUEST', { problem: 'a single worker can not be scaled; name its service' })
    }
    refuseSlots(this.interpreter, targets)
    const wanted = targets.map(({ service }) => ({ service, desired: this.scaled(service, change) }))
    const most = this.most ?? MOST_WORKERS
    const tooMany = wanted.find(({ desired }) => desired > most)
    if (tooMany !== undefined) {
      const problem = `${tooMany.desired} workers are more than ${most}${this.most === null ? '' : ', which is all that this server can have'}`
      throw new HoldfastError('HF_BAD_REQUEST', { problem })
    }
    return Promise.all(
      wanted.map(({ service, desired }) => {
        this.interpreter.dispatch(service, { is: 'scale', desired })
        return this.wait(
          service,
          (runtime) => scaleOutcome(runtime) ?? this.blocked(runtime),
          this.dependenciesOf(service),
        )
      }),
    )
  }

  /** Workers after `4`, `+1` or `-2`. */
  private scaled(service: string, change: string): number {
    const relative = /^[+-]/.test(change)
    return Math.max(0, (relative ? this.runtime(service).state.desired : 0) + Number(change))
  }

  private signal(targets: readonly ResolvedTarget[], name: string, group: boolean): ServiceOutcome[] {
    const signal = parseSignal(name)
    if (signal === null) throw new HoldfastError('HF_BAD_REQUEST', { problem: `there is no signal "${name}"` })
    return targets.map(({ service, slots }) => {
      const runtime = this.runtime(service)
      const processes = runtime.state.slots
        .filter((slot) => slots?.includes(slot.slot) ?? true)
        .flatMap((slot) => currentProcess(runtime, slot) ?? [])
      if (processes.length === 0) return { service, ok: false, message: 'it is not running' }
      for (const process of processes) {
        const { pid, slot } = process
        const reason = sendOperatorSignal(process, signal, group)
        this.journal.write({
          kind: 'worker',
          service,
          worker: `${service}/${slot}`,
          ...(pid === null ? {} : { pid }),
          event: 'signal',
          reason,
        })
      }
      return { service, ok: true, message: `${signal.name} sent to ${count(processes.length)}` }
    })
  }

  private refuseDuringRollout(service: string): void {
    const { rollout } = this.runtime(service).state
    if (!isRolling(rollout)) return
    throw new HoldfastError('HF_ROLLOUT_IN_PROGRESS', { service, since: this.interpreter.clock.iso(rollout.since) })
  }

  private reloadsByRolling(service: string): boolean {
    const { state } = this.runtime(service)
    return specOf(state, state.generation).reload.by === 'rolling'
  }

  private slotsServe(name: string, slots: readonly number[] | null): boolean {
    const { state } = this.runtime(name)
    const concerned = state.slots.filter((slot) => slots?.includes(slot.slot) ?? slot.slot < state.desired)
    return concerned.length > 0 && concerned.every(slotIsUp) && (slots !== null || state.stoppedSlots.length === 0)
  }

  private isUp(name: string): boolean {
    const { state } = this.runtime(name)
    return state.wanted === 'up' && !isDown(state)
  }

  private specs() {
    return Object.fromEntries(
      [...this.interpreter.services].map(([name, { state }]) => [name, specOf(state, state.generation)]),
    )
  }

  private runtime(name: string): ServiceRuntime {
    const runtime = this.interpreter.services.get(name)
    if (runtime === undefined) throw new Error(`no service ${name} (bug)`)
    return runtime
  }

  /** What is counted while it runs. A reload in place changes nothing that could be counted. */
  private goalOf({ verb, count: change = '' }: OperationRequest, targets: readonly ResolvedTarget[]): ProgressGoal {
    switch (verb) {
      case 'start':
        return 'ready'
      case 'scale':
        return targets.every(({ service }) => this.scaled(service, change) > this.runtime(service).state.desired)
          ? 'ready'
          : null
      case 'stop':
        return 'stopped'
      case 'restart':
      case 'failover':
        return 'replaced'
      case 'reload':
        return targets.every(({ service }) => this.reloadsByRolling(service)) ? 'replaced' : null
      case 'signal':
        return null
    }
  }

  reportOn(targets: readonly ProgressTarget[], goal: ProgressGoal, report: (progress: Progress) => void): () => void {
    const { journal, interpreter } = this
    return reportProgress({ journal, runtimeOf: (name) => interpreter.services.get(name) }, targets, goal, report)
  }
}
