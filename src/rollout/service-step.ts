// One step of a service: the event, then the planner until it has nothing more to say.
import type { ServiceSpec } from '../config/effective.ts'
import { shutDownCause } from '../lifecycle/early-death.ts'
import { describeExit } from '../lifecycle/exit-reason.ts'
import { type Instant, stopReason } from '../lifecycle/process-state.ts'
import { seconds } from '../lifecycle/process-transition.ts'
import type { SlotEffect, SlotEvent } from '../lifecycle/slot-event.ts'
import { currentOf, deadlineOfSlot, type SlotState, slotHasEnded, slotServes } from '../lifecycle/slot-state.ts'
import { stepSlot } from '../lifecycle/slot-transition.ts'
import { hasServedSoFar, oldCase } from './early-death-case.ts'
import { longestPace } from './pace.ts'
import { isConcerned, isConverged, isEndOutdated, isOutdated, nextCommand } from './reconcile.ts'
import { noteOnRollout } from './rollout-notes.ts'
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
import { slotContext } from './slot-context.ts'
import { forgetUnused, withSlots } from './slots-in-use.ts'
import { isQueued, takeTurns, withoutQueued, withQueued } from './turns.ts'

/** For the early death of one worker all are given up. */
interface ShutDown {
  readonly slot: number
  readonly generation: number
  readonly why: string
}

export type ServiceStep = readonly [ServiceState, readonly ServiceEffect[]]

/** Far more commands than any service needs in one step: reaching it means that two rules undo each other. */
const COMMANDS_AT_MOST = 100_000

export function stepService(service: ServiceState, event: ServiceEvent): ServiceStep {
  const run = new Run(service, event.at, event.random)
  run.take(event)
  run.reconcile()
  run.giveTurns()
  return run.result(service.rollout)
}

/** What one step accumulates. Lives for one call of `stepService`, nothing of it is kept. */
class Run {
  service: ServiceState
  readonly effects: ServiceEffect[] = []
  readonly at: Instant
  readonly random: number
  private shuttingDown: ShutDown | null = null

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
    const note = noteOnRollout(before, this.service)
    if (note !== null) this.effects.push(note)
    const hasServed = this.service.hasServed || this.service.slots.some(slotServes)
    this.service = forgetUnused(hasServed === this.service.hasServed ? this.service : { ...this.service, hasServed })
    return [this.service, this.effects]
  }

  private start(slots: readonly number[] | null): void {
    const stoppedSlots = slots === null ? [] : this.slotsStoppedBefore().filter((slot) => !slots.includes(slot))
    this.service = withSlots(
      { ...this.service, wanted: 'up', stoppedSlots, hasServed: hasServedSoFar(this.service) },
      this.at,
    )
    const { at } = this
    this.toSlots(slots, (slot) => {
      if (!isWanted(this.service, slot.slot)) return null
      // Now, but with what was counted: the operator's patience is not the program's health.
      if (slot.phase.is === 'backoff') return { is: 'start', at, generation: this.service.generation, trial: false }
      const why = { kind: 'stop', text: 'started again by the operator' } as const
      if (slotHasEnded(slot)) return { is: 'stop', at, why }
      return isBeingGivenUp(slot) ? { is: 'retire', at, why } : null
    })
  }

  /** A service that was down as a whole has all its slots stopped: starting one of them starts that one alone. */
  private slotsStoppedBefore(): readonly number[] {
    const { wanted, desired, stoppedSlots } = this.service
    return wanted === 'up' ? stoppedSlots : Array.from({ length: desired }, (_, slot) => slot)
  }

  private stop(asked: Omit<ServiceEventOf<'stop'>, 'is' | 'at' | 'random'>): void {
    const { service, at } = this
    const { slots, text } = asked
    const down = slots === null || wantedSlots(service).every((slot) => slots.includes(slot.slot))
    if (down) {
      this.service = { ...this.cancelRollout(`cancelled: ${text}`), wanted: 'down', stoppedSlots: [] }
    } else {
      this.service = { ...service, stoppedSlots: [...new Set([...service.stoppedSlots, ...slots])] }
    }
    this.toSlots(slots, () => ({ is: 'stop', at, why: stopReason(asked) }))
  }

  private scale(desired: number): void {
    const stoppedSlots = this.service.stoppedSlots.filter((slot) => slot < desired)
    this.service = withSlots({ ...this.service, desired, stoppedSlots }, this.at)
  }

  private restart({ slots, mode, cause }: ServiceEventOf<'restart'>): void {
    if (slots === null) {
      const spec = specOf(this.service, this.service.generation)
      this.service = { ...this.service, wanted: 'up', stoppedSlots: [], hasServed: hasServedSoFar(this.service) }
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
    const { rollout, pace } = specOf(this.service, this.service.goal)
    const { at } = this
    const is = rollout.canary && mode === 'rolling' ? 'canary' : 'rolling'
    // What its own pace takes is none of the time that it has.
    const deadline = at + rollout.timeout + longestPace(pace, wantedSlots(this.service).length)
    this.service = { ...this.service, rollout: { is, since: at, deadline, mode, cause, renewBelow } }
    this.emptyEnded(cause)
  }

  /** Slots without a process have nothing to lose: they are emptied, and the planner fills them with the new generation. */
  private emptyEnded(cause: string): void {
    const { at } = this
    this.toSlots(null, (slot) =>
      isConcerned(this.service, slot) && (slotHasEnded(slot) || slot.phase.is === 'backoff')
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
    const { service } = this
    const [next, effects] = stepSlot(slot, event, slotContext(service, slot, this.at, this.random))
    if (next !== slot) {
      const slots = service.slots.map((other) => (other === slot ? next : other))
      this.service = { ...service, slots }
    }
    const calledBack: number[] = []
    for (const effect of effects) {
      if (isCallingBack(effect) && this.unspawn(index, effect.number)) calledBack.push(effect.number)
      else this.collect(index, effect)
    }
    const { at } = this
    for (const number of calledBack) {
      this.slot(index, { is: 'process', at, number, event: { is: 'spawn-cancelled', at } })
    }
    if (this.shuttingDown !== null) this.shutDown(this.shuttingDown)
  }

  private collect(slot: number, effect: SlotEffect): void {
    switch (effect.do) {
      case 'spawn':
        return this.spawn(slot, effect)
      case 'shut-down':
        this.shuttingDown = { slot, generation: effect.generation, why: effect.why }
        return
      case 'trial-failed':
        this.effects.push({ do: 'slot', slot, effect })
        return this.trialFailed(slot, effect)
      default:
        this.effects.push({ do: 'slot', slot, effect })
    }
  }

  private trialFailed(slot: number, effect: SlotEffect & { do: 'trial-failed' }): void {
    const { rollout, name, goal } = this.service
    // One of a generation that is not wanted any more: its slot is filled with the one that is.
    if (effect.generation !== goal) return
    const reason = describeExit(effect.exit)
    const when = isRolling(rollout) ? 'newGeneration' : oldCase(this.service)
    const why = shutDownCause(effect.exit, specOf(this.service, goal), when)
    if (why !== null) this.shuttingDown = { slot, generation: effect.generation, why }
    if (isRolling(rollout)) {
      const phase = effect.exit.readyAt === null ? 'boot' : 'probation'
      this.fail(reason, `${phase} of ${name}/${slot} (generation ${effect.generation})`, slot)
    } else if (rollout.is === 'failed') {
      // Not even the old spec comes up: what runs now stays, whatever its generation.
      this.service = { ...this.service, rollout: { ...rollout, converging: false } }
    }
  }

  /** With a pace it is spawned when its turn has come, which may be at the end of this step. */
  private spawn(slot: number, effect: SlotEffect & { do: 'spawn' }): void {
    const { number, generation } = effect
    const queued = withQueued(this.service, this.at, { slot, number, generation })
    if (queued === null) this.effects.push({ do: 'slot', slot, effect })
    else this.service = queued
  }

  /** What is called back before anybody was asked to spawn it is never spawned at all. */
  private unspawn(slot: number, number: number): boolean {
    const { effects, service } = this
    if (isQueued(service, slot, number)) {
      this.service = withoutQueued(service, slot, number)
      return true
    }
    const index = effects.findIndex(
      (one) => one.do === 'slot' && one.slot === slot && one.effect.do === 'spawn' && one.effect.number === number,
    )
    if (index >= 0) effects.splice(index, 1)
    return index >= 0
  }

  giveTurns(): void {
    const { at } = this
    const [service, due] = takeTurns(this.service, at, this.random)
    this.service = service
    for (const { slot, number, generation, late } of due) {
      this.effects.push({ do: 'slot', slot, effect: { do: 'spawn', number, generation } })
      if (late) this.slot(slot, { is: 'turn', at })
    }
  }

  /** Everything stops, and stays down until somebody starts it again. */
  private shutDown({ slot, generation, why }: ShutDown): void {
    this.shuttingDown = null
    const { at } = this
    const { name, rollout } = this.service
    const text = `shut down with ${name}/${slot}: ${why}`
    this.service = rollout.is === 'failed' ? this.service : this.cancelRollout(text)
    if (rollout.is === 'failed') this.service = { ...this.service, rollout: { ...rollout, converging: false } }
    const reason = `the service is shut down: ${why}`
    const change = { from: 'running', to: 'shut-down' }
    this.effects.push({ do: 'rollout-note', event: 'shut-down', ...change, slot, reason, generation })
    this.toSlots(null, (each) => (isWanted(this.service, each.slot) ? { is: 'give-up', at, why: text } : null))
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
}

function isCallingBack(effect: SlotEffect): effect is SlotEffect & { do: 'process' } {
  return effect.do === 'process' && effect.effect.do === 'cancel-spawn'
}

function isBeingGivenUp({ phase }: SlotState): boolean {
  return phase.is === 'stopping' && typeof phase.next === 'object'
}
