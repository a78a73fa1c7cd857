// What must hold after every single step, whatever happened before it.
import { deadlineOfProcess, identityOf, isAskedToStop, type ProcessState } from '../../src/lifecycle/process-state.ts'
import { currentOf, type Live, type SlotState, slotServes } from '../../src/lifecycle/slot-state.ts'
import type { ServiceEffect, ServiceEvent } from '../../src/rollout/service-event.ts'
import {
  deadlineOfService,
  isRolling,
  isWanted,
  type ServiceState,
  specOf,
  turnOf,
  wantedSlots,
} from '../../src/rollout/service-state.ts'
import type { Observer, Simulation } from './simulation.ts'

type StepSeen = Parameters<Observer>[0]

/** Throws at the first breach. */
export function checkInvariants(world: Simulation): void {
  const breachOfPace = paceWatch()
  world.observe((step) => {
    const breach = breachOf(step) ?? breachOfWorld(world, step.after) ?? breachOfPace(step)
    if (breach !== null) throw new Error(`at ${step.event.at} ms, after ${JSON.stringify(step.event)}: ${breach}`)
  })
}

function breachOf(step: StepSeen): string | null {
  return (
    breachOfDeadline(step) ??
    breachOfBounds(step.after) ??
    breachOfSlots(step.after) ??
    breachOfAvailability(step) ??
    breachOfGenerations(step) ??
    breachOfSpawns(step) ??
    breachOfQueue(step)
  )
}

/** Who waits for a turn has a process that nobody was asked for, and the turn is still to come. */
function breachOfQueue({ event, after }: StepSeen): string | null {
  for (const { slot, number, generation } of after.queue) {
    const live = findLive(after.slots[slot], number)?.live
    if (live?.state.is !== 'spawning' || live.generation !== generation) return `${slot}/${number} waits for nothing`
  }
  if (after.queue.length === 0) return null
  const turn = turnOf(after)
  if (turn === null || turn <= event.at) return 'a turn is not taken'
  return (deadlineOfService(after) ?? Number.POSITIVE_INFINITY) > turn ? 'nobody will wake for the next turn' : null
}

/** Starts are as far from each other as the pace says, whatever they are for. */
function paceWatch(): (step: StepSeen) => string | null {
  let last = Number.NEGATIVE_INFINITY
  return ({ event, after, effects }) => {
    const { interval, jitter } = specOf(after, after.goal).pace
    for (const effect of effects) {
      if (effect.do !== 'slot' || effect.effect.do !== 'spawn') continue
      if (event.at < last + Math.floor(interval * (1 - jitter)))
        return `started ${event.at - last} ms after the last one`
      last = event.at
    }
    return null
  }
}

function breachOfDeadline({ event, after }: StepSeen): string | null {
  const deadline = deadlineOfService(after)
  if (deadline === null) return null
  if (!Number.isFinite(deadline)) return `the deadline is ${deadline}`
  return event.is === 'tick' && deadline <= event.at ? 'a tick leaves a deadline that has passed' : null
}

/** Never more than wanted and maxSurge. */
function breachOfBounds(service: ServiceState): string | null {
  const { maxSurge } = specOf(service, service.generation).rollout
  const beside = service.slots.filter((slot) => slot.other !== null).length
  return beside > maxSurge ? `${beside} processes beside those in service, maxSurge is ${maxSurge}` : null
}

function breachOfSlots(service: ServiceState): string | null {
  const rolling = isRolling(service.rollout)
  if (!rolling && service.goal !== service.generation) return 'a goal without a rollout'
  for (const slot of service.slots) {
    const { phase, other } = slot
    const live = currentOf(phase)
    const wanted = isWanted(service, slot.slot)
    if (other?.is === 'coming' && other.live.generation !== service.goal)
      return 'a successor of a generation that is not wanted'
    if (other?.is === 'coming' && !rolling && service.rollout.is !== 'failed') return 'a successor without a rollout'
    if (other?.is === 'coming' && live === null) return `a successor in slot ${slot.slot} without a predecessor`
    if (live?.state.is === 'gone' || other?.live.state.is === 'gone') return 'a process that is gone is kept'
    if (phase.is === 'stopping' && phase.next === 'down' && !isAskedToStop(phase.live.state))
      return 'down, and not told so'
    if (phase.is === 'waiting' && (!wanted || (service.waitsFor.length === 0 && !rolling)))
      return `slot ${slot.slot} waits for nobody`
    if (wanted && phase.is === 'stopped' && !rolling) return `slot ${slot.slot} is wanted and left empty`
    if (!wanted && phase.is !== 'stopped' && !(phase.is === 'stopping' && phase.next === 'down')) {
      return `slot ${slot.slot} is not wanted and ${phase.is}`
    }
    if (!wanted && other !== null && !isAskedToStop(other.live.state))
      return 'the other process does not know that it is over'
    for (const one of [live, other?.live ?? null]) {
      const breach = one === null ? null : breachOfProcess(service, one)
      if (breach !== null) return `${slot.slot}/${one?.number}: ${breach}`
    }
  }
  return null
}

/** Each state has a deadline or waits for what the world must deliver. */
function breachOfProcess(service: ServiceState, { state, generation }: Live): string | null {
  const waits = ['spawning', 'cancelling', 'ready']
  if (deadlineOfProcess(state) !== null || waits.includes(state.is)) return null
  const endless = specOf(service, generation).stop.signals.some(({ wait }) => wait === null)
  return state.is === 'stopping' && endless ? null : `${state.is} has no deadline`
}

function askedFor(state: ProcessState): string | null {
  if (state.is === 'cancelling') return state.why.kind
  if (state.is === 'stopping') return state.descent.why.kind
  return state.is === 'sweeping' ? (state.exit.asked?.kind ?? null) : null
}

function findLive(slot: SlotState | undefined, number: number): { live: Live; current: boolean } | null {
  const current = slot === undefined ? null : currentOf(slot.phase)
  if (current?.number === number) return { live: current, current: true }
  return slot?.other?.live.number === number ? { live: slot.other.live, current: false } : null
}

/** No worker in service is replaced before its successor has proven itself, beyond what maxUnavailable allows. */
function breachOfAvailability({ before, event, after }: StepSeen): string | null {
  const allStop = isRolling(after.rollout) && after.rollout.mode !== 'rolling'
  for (const slot of before.slots) {
    const old = currentOf(slot.phase)
    if (old === null || !slotServes(slot) || !isWanted(before, slot.slot) || !isWanted(after, slot.slot)) continue
    const now = after.slots[slot.slot]
    const found = findLive(now, old.number)
    if (found === null || askedFor(found.live.state) !== 'replace') continue
    if (!found.current) {
      const successor = now === undefined ? null : currentOf(now.phase)
      const { minReady } = specOf(after, successor?.generation ?? after.generation).rollout
      const readyAt = successor !== null && 'readyAt' in successor.state ? successor.state.readyAt : null
      if (readyAt === null || event.at < readyAt + minReady)
        return `slot ${slot.slot}: swapped before the successor had proven itself`
      continue
    }
    // One on trial of a generation that was superseded has not proven itself; another leaves by itself.
    if (allStop || old.trial || isOwnNews(event, slot.slot, old.number)) continue
    const { maxUnavailable } = specOf(after, after.goal).rollout
    const missing = wantedSlots(after).filter((other) => !slotServes(other) && !hasEnded(other)).length
    if (missing > maxUnavailable)
      return `slot ${slot.slot} is retired: ${missing} missing, maxUnavailable is ${maxUnavailable}`
  }
  return null
}

function hasEnded({ phase }: SlotState): boolean {
  return phase.is === 'exited' || phase.is === 'fatal'
}

function isOwnNews(event: ServiceEvent, slot: number, number: number): boolean {
  return event.is === 'slot' && event.slot === slot && event.event.is === 'process' && event.event.number === number
}

function breachOfGenerations({ before, event, after }: StepSeen): string | null {
  const grown = after.lastGeneration - before.lastGeneration
  const expected = risesWith(event, before) ? 1 : 0
  if (grown !== expected) return `the generation rises by ${grown} instead of ${expected}`
  if (after.generation < before.generation) return 'the generation in service falls'
  return after.specs[after.generation] === undefined ? 'the spec in service is forgotten' : null
}

function risesWith(event: ServiceEvent, before: ServiceState): boolean {
  if (event.is === 'restart') return event.slots === null
  return event.is === 'deploy' && (event.renew || before.goal !== before.generation)
}

/** What is not proven starts on trial only, and a generation that failed does not start at all. */
function breachOfSpawns({ after, effects }: StepSeen): string | null {
  for (const effect of effects) {
    if (effect.do !== 'slot' || effect.effect.do !== 'spawn') continue
    const { number, generation } = effect.effect
    if (generation === after.generation) continue
    const found = findLive(after.slots[effect.slot], number)
    if (!isRolling(after.rollout) || generation !== after.goal)
      return `generation ${generation} is started, which is not wanted`
    if (found !== null && !found.live.trial) return `generation ${generation} is started without a trial`
  }
  return null
}

/** Core and world know of the same processes. */
function breachOfWorld(world: Simulation, service: ServiceState): string | null {
  for (const process of world.held()) {
    const { slot, number } = process
    const found = findLive(service.slots[slot], number)
    if (found === null) return `${slot}/${number} is an orphan: nobody knows of it`
    const { state } = found.live
    const queued = process.spawn === 'queued' || process.spawn === 'cancelled'
    if ((state.is === 'spawning' || state.is === 'cancelling') !== queued)
      return `${slot}/${number} is ${state.is}, its spawn ${process.spawn}`
    const identity = identityOf(state)
    if (identity?.startTime !== process.identity?.startTime) return `${slot}/${number} has another identity`
    if ((state.is === 'sweeping') !== process.exitTold)
      return `${slot}/${number} is ${state.is}, its exit was told: ${process.exitTold}`
  }
  const known = service.slots
    .flatMap((slot) => [currentOf(slot.phase), slot.other?.live ?? null])
    .filter((live) => live !== null)
  const asked = known.length - service.queue.length
  if (asked !== world.held().length) return `the core knows of ${asked} processes, the world of ${world.held().length}`
  return null
}

/** Effects of one kind, with the slot they are for. */
export function processEffects(effects: readonly ServiceEffect[], kind: string): { slot: number; number: number }[] {
  return effects.flatMap((effect) =>
    effect.do === 'slot' && effect.effect.do === 'process' && effect.effect.effect.do === kind
      ? [{ slot: effect.slot, number: effect.effect.number }]
      : [],
  )
}
