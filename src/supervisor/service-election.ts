// Who of a service with `slots` is main: joins the pure election with the lock, and both with the interpreter. Has its own queue of
// events: what an effect sets off at once is taken after it.
import type { SlotsSpec } from '../config/effective.ts'
import type { ContenderEffect, ContenderEvent } from '../election/contender-event.ts'
import { gripOf } from '../election/contender-state.ts'
import type { ElectionEffect, ElectionEvent } from '../election/election-event.ts'
import {
  contenderOf,
  deadlineOfElection,
  type ElectionState,
  heldSlots,
  holderOf,
  isPromotionNear,
  newElection,
  roleOf,
} from '../election/election-state.ts'
import { stepElection } from '../election/election-step.ts'
import type { Instant } from '../lifecycle/process-state.ts'
import type {
  AcquireOutcome,
  Candidate,
  Held,
  LockHolder,
  LockProvider,
  ProviderHealth,
} from '../locks/lock-provider.ts'
import { whilePassing } from '../locks/passing-error.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { RunningProcess } from './service-runtime.ts'

type Happening<E> = E extends { readonly at: Instant } ? Omit<E, 'at'> : never

/** What a process gets of the lock. */
export interface LockGift {
  readonly role: 'main' | 'standby'
  readonly token: string | null
  /** Which of the main slots; null: none. */
  readonly slot: number | null
  /** To be inherited, each below 16. */
  readonly fds: readonly number[]
}

export interface ElectionHost {
  readonly now: () => Instant
  readonly launch: (request: LaunchRequest, lock: LockGift) => void
  /** There will be a process when it is its turn to be main, and none before. */
  readonly parked: (request: LaunchRequest) => void
  /** There will be no process: it was called back (null), or why. */
  readonly noProcess: (request: LaunchRequest, failed: string | null) => void
  /** What was to be done for it could not be (a bug, or the system's doing); the rest of it is done. */
  readonly trouble: (request: LaunchRequest, reason: string) => void
  readonly stopProcess: (request: LaunchRequest, why: string, force: boolean) => void
  readonly note: (request: LaunchRequest, event: string, reason: string) => void
  /** After every event. */
  readonly onChange: (election: ElectionState) => void
}

/** Milliseconds after which a standby that has no place counts as kept back. */
const PARKED_AFTER = 500
/**
 * Milliseconds in which a standby that follows a dead main has the cores to itself. Who comes in its place waits so long; and to look
 * for who else may hold the slot takes 29 ms of CPU on both of two cores (all of /proc), which made a cold start of 26 ms one of 40.
 */
const AFTER_PROMOTION = 50

interface Entry {
  readonly request: LaunchRequest
  readonly candidate: Candidate
  held: Held | null
  process: RunningProcess | null
  /** What keeps its command FIFO from being opened just now. */
  trouble: string | null
  /** A process was asked for: from here on the launcher has the word on whether there will be one. */
  launched: boolean
}

export interface StrangerInSlot extends LockHolder {
  readonly slot: number
}

export class ServiceElection {
  readonly slots: SlotsSpec
  private readonly provider: LockProvider
  private readonly host: ElectionHost
  private readonly entries = new Map<string, Entry>()
  private readonly queue: ElectionEvent[] = []
  private readonly over: string[] = []
  private running = false
  private current: ElectionState
  /** As of the last look: who holds a slot and is none of ours. */
  strangers: readonly StrangerInSlot[] = []

  constructor(slots: SlotsSpec, provider: LockProvider, host: ElectionHost) {
    this.slots = slots
    this.provider = provider
    this.host = host
    this.current = newElection(slots)
  }

  get state(): ElectionState {
    return this.current
  }

  get deadline(): Instant | null {
    return deadlineOfElection(this.current)
  }

  /** A worker wants a process. @param identity unique, for reports of who holds a slot */
  enter(request: LaunchRequest, identity: string): void {
    const { slot: worker, number } = request
    const candidate = this.provider.candidate(identity)
    this.entries.set(keyOf(worker, number), {
      request,
      candidate,
      held: null,
      process: null,
      trouble: null,
      launched: false,
    })
    this.take({ is: 'enter', at: this.host.now(), worker, number })
  }

  /** Of one that is none of ours, or over, nothing is heard. */
  tell(worker: number, number: number, event: Happening<ContenderEvent>): void {
    if (!this.entries.has(keyOf(worker, number))) return
    const at = this.host.now()
    this.take({ is: 'contender', at, worker, number, event: { ...event, at } as ContenderEvent })
  }

  spawned(process: RunningProcess): void {
    const entry = this.entries.get(keyOf(process.slot, process.number))
    if (entry === undefined) return
    entry.process = process
    // It has its copies: the lock is its own from now on, and ends with it.
    if (entry.held !== null) entry.candidate.handOver()
    this.tell(process.slot, process.number, { is: 'spawned' })
  }

  /** Before a process was asked for nothing but we can call it back: true then, and `noProcess` follows, or was told already. */
  callBack(worker: number, number: number): boolean {
    const isOurs = this.entries.get(keyOf(worker, number))?.launched === false
    this.tell(worker, number, { is: 'stop', why: 'it was called back' })
    return isOurs
  }

  tick(): void {
    this.take({ is: 'tick', at: this.host.now() })
  }

  roleOf(worker: number, number: number): 'main' | 'standby' {
    return roleOf(this.current, worker, number)
  }

  /** Who of ours has a slot, or had it and is not gone yet. */
  holders(): { slot: number; token: string; worker: number }[] {
    return this.current.contenders.flatMap(({ worker, state }) => {
      const grip = gripOf(state)
      return grip === null ? [] : [{ ...grip, worker }]
    })
  }

  /** One for each slot: of several the one that got it last. */
  holderOfEach(): { slot: number; token: string; worker: number }[] {
    return Array.from({ length: this.slots.mains }, (_, slot) => holderOf(this.current, slot)).flatMap((contender) => {
      const grip = contender === null ? null : gripOf(contender.state)
      return contender === null || grip === null ? [] : [{ ...grip, worker: contender.worker }]
    })
  }

  get health(): ProviderHealth {
    const [trouble] = [...this.entries.values()].flatMap((entry) => entry.trouble ?? [])
    return trouble === undefined ? this.provider.health() : { state: 'degraded', problem: trouble }
  }

  async lookForStrangers(isOurs: (pid: number) => boolean): Promise<void> {
    const own = new Set(this.holders().map(({ slot }) => slot))
    const reports = own.size < this.slots.mains ? await this.provider.report().catch(() => []) : []
    // A child of a main of ours may hold its slot with it.
    const others = reports.filter(({ slot, holders }) => !own.has(slot) && !holders.some(({ pid }) => isOurs(pid)))
    this.strangers = others.flatMap(({ slot, holders }) => holders.map((holder) => ({ slot, ...holder })))
  }

  close(): void {
    for (const { candidate } of this.entries.values()) candidate.leave()
    this.entries.clear()
    this.provider.close()
  }

  private take(event: ElectionEvent): void {
    this.queue.push(event)
    if (this.running) return
    this.running = true
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
        const [state, effects] = stepElection(this.current, next)
        this.current = state
        for (const effect of effects) this.perform(effect)
        // Whoever is over has had all of its effects.
        for (const key of this.over.splice(0)) this.entries.delete(key)
      }
    } finally {
      this.running = false
    }
    this.host.onChange(this.current)
  }

  private perform(effect: ElectionEffect): void {
    if (effect.do === 'look-at-slot') return void this.lookAt(effect.slot)
    const entry = this.entries.get(keyOf(effect.worker, effect.number))
    if (entry === undefined) return
    this.attempt(entry, effect.effect, () => this.performFor(entry, effect.effect))
  }

  private attempt(entry: Entry, effect: ContenderEffect, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.couldNot(entry, effect, error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** An effect that throws must not keep the others from being carried out, nor leave somebody waiting for its answer. */
  private couldNot(entry: Entry, effect: ContenderEffect, { message, stack = message }: Error): void {
    this.host.trouble(entry.request, `${effect.do}: ${stack}`)
    switch (effect.do) {
      case 'try-lock':
      case 'take-place':
      case 'start-waiting':
        return this.tellOf(entry, { is: 'wait-failed', why: message, mistaken: false })
      case 'spawn-process':
        return this.host.noProcess(entry.request, message)
      case 'release-lock':
        return this.tellOf(entry, { is: 'released', heldBy: [] })
    }
  }

  private performFor(entry: Entry, effect: ContenderEffect): void {
    const { request, candidate, process } = entry
    switch (effect.do) {
      case 'try-lock':
        return this.await(entry, candidate.tryNow())
      case 'take-place':
        return this.takePlace(entry)
      case 'start-waiting':
        return this.wait(entry, effect.warm)
      case 'cancel-waiting':
        return candidate.cancel()
      case 'spawn-process':
        entry.launched = true
        return this.host.launch(request, {
          role: effect.role,
          token: effect.grip?.token ?? null,
          slot: effect.grip?.slot ?? null,
          fds: candidate.inheritFds,
        })
      case 'tell-promote':
        return void process?.lane.send(`${JSON.stringify({ promote: effect.grip })}\n`)
      case 'tell-lost':
        return void process?.lane.send(`${JSON.stringify({ lost: { reason: effect.why } })}\n`)
      case 'stop-process':
        return this.host.stopProcess(request, effect.why, effect.force)
      case 'release-lock':
        return this.release(entry)
      case 'no-process':
        return this.host.noProcess(request, effect.failed)
      case 'leave':
        this.over.push(keyOf(request.slot, request.number))
        return candidate.leave()
      case 'note':
        return this.host.note(request, effect.event, effect.reason)
    }
  }

  private takePlace(entry: Entry): void {
    if (!isPromotionNear(this.current)) return this.takePlaceNow(entry)
    const { slot, number } = entry.request
    const take = (): void => {
      // Called back meanwhile, or all of us closed: nobody would give its place back.
      if (!this.isHere(entry) || contenderOf(this.current, slot, number)?.state.is !== 'placing') return
      this.attempt(entry, { do: 'take-place' }, () => this.takePlaceNow(entry))
    }
    setTimeout(take, AFTER_PROMOTION).unref()
  }

  /** Others may have all places of standbys: then it takes as long as it takes. */
  private takePlaceNow(entry: Entry): void {
    const placing = entry.candidate.takePlace()
    const late = setTimeout(() => this.host.parked(entry.request), PARKED_AFTER)
    void placing.then((outcome) => {
      clearTimeout(late)
      if (outcome.is === 'placed') this.tellOf(entry, { is: 'placed' })
      if (outcome.is === 'failed') this.tellOf(entry, { is: 'wait-failed', why: outcome.why, mistaken: false })
    })
  }

  private await(entry: Entry, acquiring: Promise<AcquireOutcome>): void {
    void acquiring.then((outcome) => {
      switch (outcome.is) {
        case 'acquired': {
          const { held, told } = outcome
          entry.held = held
          held.onLost((why) => this.tellOf(entry, { is: 'lost', why: `its lock was ${why}` }))
          return this.tellOf(entry, { is: 'acquired', grip: { slot: held.slot, token: held.token }, told })
        }
        case 'busy':
          return this.tellOf(entry, { is: 'busy', heldBy: outcome.holders })
        case 'failed':
          return this.tellOf(entry, { is: 'wait-failed', why: outcome.why, mistaken: false })
        case 'cancelled':
          return
      }
    })
  }

  /** Its command FIFO stays open until the waiting is over: whatever takes the lock writes there. */
  private wait(entry: Entry, warm: boolean): void {
    const { candidate, process, request } = entry
    if (!warm) this.host.parked(request)
    if (warm && process !== null) return void this.waitWarm(entry, process)
    this.await(entry, candidate.wait(null))
  }

  private async waitWarm(entry: Entry, { lane, slot, number, identity: process }: RunningProcess): Promise<void> {
    const isWanted = (): boolean => contenderOf(this.current, slot, number)?.state.is === 'waiting'
    const onTrouble = (error: Error | null): void => {
      entry.trouble = error === null ? null : `standbys can not be told of a promotion just now: ${error.message}`
    }
    let commands: ReturnType<RunningProcess['lane']['openCommands']>
    try {
      commands = await whilePassing(async () => lane.openCommands(), { isWanted, onTrouble })
    } catch (error) {
      // Its directory was removed, say: it could never be told.
      return this.tellOf(entry, { is: 'wait-failed', why: String(error), mistaken: false })
    }
    if (!isWanted()) return commands.close()
    const acquiring = entry.candidate.wait(commands.fd, process)
    void acquiring.finally(commands.close)
    this.await(entry, acquiring)
  }

  private release(entry: Entry): void {
    const { held } = entry
    const released = (heldBy: readonly LockHolder[]): void => this.tellOf(entry, { is: 'released', heldBy })
    if (held === null) return released([])
    const look = (): void => {
      if (!this.isHere(entry)) return
      if (heldSlots(this.current.contenders).includes(held.slot)) return released([])
      // Who holds it can not be seen; it is given back all the same.
      held.strangers().then(released, () => released([]))
    }
    const lookLater = (): void => void setTimeout(look, AFTER_PROMOTION).unref()
    void held.release().then(lookLater, lookLater)
  }

  private async lookAt(slot: number): Promise<void> {
    const reports = await this.provider.report().catch(() => [])
    const report = reports.find((one) => one.slot === slot)
    this.take({ is: 'slot-seen', at: this.host.now(), slot, heldBy: report?.holders ?? [] })
  }

  private isHere(entry: Entry): boolean {
    return this.entries.get(keyOf(entry.request.slot, entry.request.number)) === entry
  }

  private tellOf({ request }: Entry, event: Happening<ContenderEvent>): void {
    this.tell(request.slot, request.number, event)
  }
}

function keyOf(worker: number, number: number): string {
  return `${worker}.${number}`
}
