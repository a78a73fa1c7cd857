// One step of a service: the event, then the planner until it has nothing more to say.
import type { ServiceSpec } from '../config/effective.ts'
import { describeExit } from '../lifecycle/exit-reason.ts'
import type { Instant, StopReason } from '../lifecycle/process-state.ts'
import { seconds } from '../lifecycle/process-transition.ts'
import type { SlotEffect, SlotEvent } from '../lifecycle/slot-event.ts'
import { currentOf, deadlineOfSlot, emptySlot, type SlotState } from '../lifecycle/slot-state.ts'
import { stepSlot } from '../lifecycle/slot-transition.ts'
import { isConcerned, isConverged, isEndOutdated, isOutdated, nextCommand } from './reconcile.ts'
import type { ServiceEffect, ServiceEvent, ServiceEventOf } from './service-event.ts'
import {
  isRolling,
  isWanted,
  type Rollout,
  type RolloutInProgress,
  type ServiceState,
  specOf,
  wantedSlots,
} from './service-state.ts'

export type ServiceStep = readonly [ServiceState, readonly ServiceEffect[]]

/** Far more commands than any service needs in one step: reaching it means that two rules undo each other. */
const COMMANDS_AT_MOST = 100_000

export function stepService(service: ServiceState, event: ServiceEvent): ServiceStep {
  const run = new Run(service, event.at, event.random)
  run.take(event)
  run.reconcile()
  return run.result(service.rollout)
}

/** What one step accumulates. Lives for one call of `stepService`, nothing of it is kept. */
class Run {
  service: ServiceState
  readonly effects: ServiceEffect[] = []
  readonly at: Instant
  readonly random: number

  constructor(service: ServiceState, at: Instant, random: number) {
    this.service = service
    this.at = at
    this.random = random
  }

  take(event: ServiceEvent): void {
    switch (event.is) {
      case 'start':
        return this.start(event.slots)
      case 'stop':
        return this.stop(event)
      case 'scale':
        return this.scale(event.desired)
      case 'restart':
        return this.restart(event)
      case 'deploy':
        return this.deploy(event)
      case 'reload':
        return this.toSlots(event.slots, () => ({ is: 'reload', at: this.at }))
      case 'hurry':
        return this.toSlots(null, () => ({ is: 'hurry', at: this.at }))
      case 'kill':
        this.stop({ slots: null, text: event.text })
        return this.toSlots(null, () => ({ is: 'kill', at: this.at, why: { kind: 'stop', text: event.text } }))
      case 'gate':
        this.service = { ...this.service, waitsFor: event.waitsFor }
        return
      case 'replaceable':
        this.service = { ...this.service, replaceable: event.slots }
        return
      case 'slot':
        return this.slot(event.slot, event.event)
      case 'tick':
        return this.tick()
    }
  }

  /** Asks the planner until it is content; ends a rollout that has converged. */
  reconcile(): void {
    for (let count = 0; count < COMMANDS_AT_MOST; count++) {
      const command = nextCommand(this.service, this.at)
      if (command !== null) {
        this.slot(command.slot, command.event)
        continue
      }
      if (!this.advanceRollout()) return
    }
    throw new Error(`${this.service.name}: the planner does not come to rest (bug)`)
  }

  result(before: Rollout): ServiceStep {
    this.noteRollout(before)
    this.service = forgetUnused(this.service)
    return [this.service, this.effects]
  }

  private start(slots: readonly number[] | null): void {
    const stoppedSlots = slots === null ? [] : this.slotsStoppedBefore().filter((slot) => !slots.includes(slot))
    this.service = withSlots({ ...this.service, wanted: 'up', stoppedSlots }, this.at)
    const { at } = this
    this.toSlots(slots, (slot) => {
      if (!isWanted(this.service, slot.slot)) return null
      // Now, but with what was counted: the operator's patience is not the program's health.
      if (slot.phase.is === 'backoff') return { is: 'start', at, generation: this.service.generation, trial: false }
      return hasEnded(slot) ? { is: 'stop', at, why: { kind: 'stop', text: 'started again by the operator' } } : null
    })
  }

  /** A service that was down as a whole has all its slots stopped: starting one of them starts that one alone. */
  private slotsStoppedBefore(): readonly number[] {
    const { wanted, desired, stoppedSlots } = this.service
    return wanted === 'up' ? stoppedSlots : Array.from({ length: desired }, (_, slot) => slot)
  }

  private stop({ slots, text, longer }: Pick<ServiceEventOf<'stop'>, 'slots' | 'text' | 'longer'>): void {
    const { service, at } = this
    const down = slots === null || wantedSlots(service).every((slot) => slots.includes(slot.slot))
    if (down) {
      this.service = { ...this.cancelRollout(`cancelled: ${text}`), wanted: 'down', stoppedSlots: [] }
    } else {
      this.service = { ...service, stoppedSlots: [...new Set([...service.stoppedSlots, ...slots])] }
    }
    const why: StopReason = { kind: 'stop', text, ...(longer ? { longer } : {}) }
    this.toSlots(slots, () => ({ is: 'stop', at, why }))
  }

  private scale(desired: number): void {
    const stoppedSlots = this.service.stoppedSlots.filter((slot) => slot < desired)
    this.service = withSlots({ ...this.service, desired, stoppedSlots }, this.at)
  }

  private restart({ slots, mode, cause }: ServiceEventOf<'restart'>): void {
    if (slots === null) {
      const spec = specOf(this.service, this.service.generation)
      this.service = { ...this.service, wanted: 'up', stoppedSlots: [] }
      // Another object: what was looked up for the old generation (users and their groups) is looked up again.
      this.beginGeneration({ ...spec }, mode, cause)
      return
    }
    const stoppedSlots = this.slotsStoppedBefore().filter((slot) => !slots.includes(slot))
    this.service = withSlots({ ...this.cancelRollout('superseded'), wanted: 'up', stoppedSlots }, this.at)
    const renewBelow: Record<number, number> = {}
    for (const slot of slots) renewBelow[slot] = (this.service.slots[slot]?.lastNumber ?? 0) + 1
    this.beginRollout(mode, cause, renewBelow)
  }

  private deploy({ spec, renew, desired }: ServiceEventOf<'deploy'>): void {
    this.service = {
      ...this.service,
      desired,
      stoppedSlots: this.service.stoppedSlots.filter((slot) => slot < desired),
    }
    const { specs, generation, goal } = this.service
    // What a rollout under way has already started was started from yet another spec.
    if (renew || goal !== generation) return this.beginGeneration(spec, 'rolling', 'the configuration changed')
    this.service = withSlots({ ...this.service, specs: { ...specs, [generation]: spec } }, this.at)
  }

  /** A rollout under way is superseded: its own generation never came into service. */
  private beginGeneration(spec: ServiceSpec, mode: RolloutInProgress['mode'], cause: string): void {
    const generation = this.service.lastGeneration + 1
    const specs = { ...this.service.specs, [generation]: spec }
    this.service = withSlots({ ...this.service, specs, goal: generation, lastGeneration: generation }, this.at)
    if (this.hasNothingToReplace()) {
      this.service = { ...this.service, generation, rollout: { is: 'stable' } }
      return this.emptyEnded(cause)
    }
    this.beginRollout(mode, cause, {})
  }

  /** Nobody is wanted, or all wait for a dependency: the generation is in service, and starts whenever it may. */
  private hasNothingToReplace(): boolean {
    const wanted = wantedSlots(this.service)
    if (this.service.waitsFor.length === 0) return wanted.length === 0
    return wanted.every((slot) => currentOf(slot.phase) === null && slot.other === null)
  }

  private beginRollout(
    mode: RolloutInProgress['mode'],
    cause: string,
    renewBelow: Readonly<Record<number, number>>,
  ): void {
    const { rollout } = specOf(this.service, this.service.goal)
    const { at } = this
    const is = rollout.canary && mode === 'rolling' ? 'canary' : 'rolling'
    this.service = {
      ...this.service,
      rollout: { is, since: at, deadline: at + rollout.timeout, mode, cause, renewBelow },
    }
    this.emptyEnded(cause)
  }

  /** Slots without a process have nothing to lose: they are emptied, and the planner fills them with the new generation. */
  private emptyEnded(cause: string): void {
    const { at } = this
    this.toSlots(null, (slot) =>
      isConcerned(this.service, slot) && (hasEnded(slot) || slot.phase.is === 'backoff')
        ? { is: 'stop', at, why: { kind: 'stop', text: `restarted: ${cause}` } }
        : null,
    )
  }

  private tick(): void {
    const { rollout } = this.service
    if (isRolling(rollout) && this.at >= rollout.deadline) {
      this.fail(`not finished within ${seconds(rollout.deadline - rollout.since)}`, 'rollout', null)
    }
    const { at } = this
    this.toSlots(null, (slot) => {
      const due = deadlineOfSlot(slot)
      return due !== null && due <= at ? { is: 'tick', at } : null
    })
  }

  private slot(index: number, event: SlotEvent): void {
    const slot = this.service.slots[index]
    if (slot === undefined) return
    const { service, random } = this
    const context = {
      specOf: (generation: number) => specOf(service, generation),
      generation: service.generation,
      random,
    }
    const [next, effects] = stepSlot(slot, event, context)
    if (next !== slot) {
      const slots = service.slots.map((other) => (other === slot ? next : other))
      this.service = { ...service, slots }
    }
    for (const effect of effects) this.collect(index, effect)
  }

  private collect(slot: number, effect: SlotEffect): void {
    if (effect.do === 'process' && effect.effect.do === 'cancel-spawn' && this.unspawn(slot, effect.number)) return
    this.effects.push({ do: 'slot', slot, effect })
    if (effect.do !== 'trial-failed') return
    const { rollout, name, goal } = this.service
    // One of a generation that is not wanted any more: its slot is filled with the one that is.
    if (effect.generation !== goal) return
    const reason = describeExit(effect.exit)
    if (isRolling(rollout)) {
      const phase = effect.exit.readyAt === null ? 'boot' : 'probation'
      this.fail(reason, `${phase} of ${name}/${slot} (generation ${effect.generation})`, slot)
    } else if (rollout.is === 'failed') {
      // Not even the old spec comes up: what runs now stays, whatever its generation.
      this.service = { ...this.service, rollout: { ...rollout, converging: false } }
    }
  }

  /** What is started and called back within one step is never started at all. */
  private unspawn(slot: number, number: number): boolean {
    const { effects, at } = this
    const index = effects.findIndex(
      (one) => one.do === 'slot' && one.slot === slot && one.effect.do === 'spawn' && one.effect.number === number,
    )
    if (index < 0) return false
    effects.splice(index, 1)
    this.slot(slot, { is: 'process', at, number, event: { is: 'spawn-cancelled', at } })
    return true
  }

  private fail(reason: string, step: string, slot: number | null): void {
    const { goal, generation, at } = { ...this.service, at: this.at }
    const rollout: Rollout = { is: 'failed', at, reason, step, slot, generation: goal, converging: true }
    this.service = { ...this.service, goal: generation, rollout }
  }

  private cancelRollout(reason: string): ServiceState {
    if (!isRolling(this.service.rollout)) return this.service
    return { ...this.service, goal: this.service.generation, rollout: { is: 'cancelled', at: this.at, reason } }
  }

  /** True when the rollout took a step, so that the planner is asked again. */
  private advanceRollout(): boolean {
    const { service } = this
    const { rollout } = service
    if (!isRolling(rollout)) return false
    if (isConverged(service)) {
      this.service = { ...service, generation: service.goal, rollout: { is: 'stable' } }
      return true
    }
    if (this.failByGivenUp()) return true
    if (rollout.is === 'canary' && this.canaryHasProvenItself()) {
      this.service = { ...service, rollout: { ...rollout, is: 'rolling' } }
      return true
    }
    return false
  }

  /** A worker of the new generation that will not be restarted: the rollout can not end well. */
  private failByGivenUp(): boolean {
    const { service } = this
    for (const slot of wantedSlots(service)) {
      if (slot.phase.is !== 'fatal' || !isConcerned(service, slot)) continue
      const { why, generation } = slot.phase
      this.fail(why, `run of ${service.name}/${slot.slot} (generation ${generation})`, slot.slot)
      return true
    }
    return false
  }

  private canaryHasProvenItself(): boolean {
    const { service } = this
    return wantedSlots(service).some((slot) => {
      if (!isConcerned(service, slot)) return false
      if (slot.phase.is === 'exited') return !isEndOutdated(service, slot, slot.phase.generation)
      return slot.phase.is === 'running' && !slot.phase.live.trial && !isOutdated(service, slot, slot.phase.live)
    })
  }

  private toSlots(slots: readonly number[] | null, make: (slot: SlotState) => SlotEvent | null): void {
    for (const slot of this.service.slots) {
      if (slots !== null && !slots.includes(slot.slot)) continue
      const event = make(slot)
      if (event !== null) this.slot(slot.slot, event)
    }
  }

  private noteRollout(before: Rollout): void {
    const { rollout, generation, goal } = this.service
    if (rollout.is === before.is && beginningOf(rollout) === beginningOf(before)) return
    const note = { event: 'rollout', from: before.is, to: rollout.is }
    switch (rollout.is) {
      case 'stable':
        return this.pushRollout(note, outcome(before), generation)
      case 'canary':
        return this.pushRollout(note, `${rollout.cause}; the first replacement has to prove itself`, goal)
      case 'rolling':
        return this.pushRollout(note, rollout.cause, goal)
      case 'failed':
        return this.pushRollout(note, `${rollout.step}: ${rollout.reason}`, rollout.generation)
      case 'cancelled':
        return this.pushRollout(note, rollout.reason, generation)
    }
  }

  private pushRollout(note: { event: string; from: string; to: string }, reason: string, generation: number): void {
    this.effects.push({ do: 'rollout-note', ...note, reason, generation })
  }
}

function hasEnded(slot: SlotState): boolean {
  return slot.phase.is === 'exited' || slot.phase.is === 'fatal'
}

/** Of a rollout that has converged. */
function outcome(rollout: Rollout): string {
  const some = isRolling(rollout) && Object.keys(rollout.renewBelow).length > 0
  return some ? 'the workers that were named are restarted' : 'every worker is of the new generation'
}

function beginningOf(rollout: Rollout): Instant | null {
  return 'since' in rollout ? rollout.since : 'at' in rollout ? rollout.at : null
}

/** Makes the slots that are wanted; those that are not go when they are empty (`forgetUnused`). */
function withSlots(service: ServiceState, at: Instant): ServiceState {
  if (service.wanted === 'down' || service.slots.length >= service.desired) return service
  const slots = [...service.slots]
  while (slots.length < service.desired) slots.push({ ...emptySlot(slots.length, at), lastNumber: service.numbersUsed })
  return { ...service, slots }
}

/** Drops empty slots beyond the number wanted, and specs that no process was started from. */
function forgetUnused(service: ServiceState): ServiceState {
  return forgetSpecs(forgetSlots(service))
}

function forgetSlots(service: ServiceState): ServiceState {
  let length = service.slots.length
  while (length > service.desired && isEmpty(service.slots[length - 1])) length--
  if (length === service.slots.length) return service
  const numbersUsed = Math.max(service.numbersUsed, ...service.slots.slice(length).map((slot) => slot.lastNumber))
  return { ...service, slots: service.slots.slice(0, length), numbersUsed }
}

function forgetSpecs(service: ServiceState): ServiceState {
  const used = new Set([service.generation, service.goal])
  for (const slot of service.slots) {
    const live = currentOf(slot.phase)
    if (live !== null) used.add(live.generation)
    if (slot.other !== null) used.add(slot.other.live.generation)
  }
  const isUsed = (generation: string): boolean => used.has(Number(generation))
  if (Object.keys(service.specs).every(isUsed)) return service
  const specs = Object.fromEntries(Object.entries(service.specs).filter(([generation]) => isUsed(generation)))
  return { ...service, specs }
}

function isEmpty(slot: SlotState | undefined): boolean {
  return slot?.phase.is === 'stopped' && slot.other === null
}
