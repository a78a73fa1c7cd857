// A service with slots in a simulated machine: a clock, locks, processes, and workers that are filled as the planner would do it.
import type { ContenderEffect, ContenderEvent, Stranger } from '../../src/election/contender-event.ts'
import { type Grip, isSettled, type Role } from '../../src/election/contender-state.ts'
import type { ElectionEvent } from '../../src/election/election-event.ts'
import {
  contenderOf,
  deadlineOfElection,
  type ElectionSettings,
  type ElectionState,
  newElection,
} from '../../src/election/election-state.ts'
import { stepElection } from '../../src/election/election-step.ts'
import { planSwitch, replaceableNow, stopOrder } from '../../src/election/replacement-order.ts'
import { Dice } from '../model/dice.ts'
import { FakeLocks, type Holder } from './fake-locks.ts'

export const MIN_READY = 500
const SOON = 40

export interface FakeWorker {
  readonly worker: number
  number: number
  generation: number
  is: 'vacant' | 'entered' | 'process'
  /** Asked to end, by the planner or the operator. */
  stopping: boolean
}

export interface FakeContender extends Holder {
  readonly worker: number
  readonly number: number
  readonly generation: number
  process: 'none' | 'alive' | 'dead' | 'reaped'
  /** It would act as main: started as one, or told. */
  actsAs: Role
  grip: Grip | null
  /** Our own copies of its fds are open. */
  ours: boolean
  /** Somebody whom it has passed its lock on to. */
  heir: boolean
}

export interface Chances {
  readonly spawnFails: number
  readonly leavesHeir: number
  readonly waitFails: number
}

export const CALM: Chances = { spawnFails: 0, leavesHeir: 0, waitFails: 0 }

export class ElectionWorld {
  now = 0
  election: ElectionState
  readonly locks: FakeLocks
  readonly workers: FakeWorker[]
  readonly contenders = new Map<string, FakeContender>()
  readonly notes: string[] = []
  readonly stops: { worker: number; role: Role; why: string }[] = []
  readonly strangers: { holder: Holder; pid: number }[] = []
  chances: Chances
  generation = 1
  wanted = true
  restart: 'none' | 'rolling' | 'hard' = 'none'
  private token = 1_000_000_000
  private readonly dice: Dice
  private readonly calendar: { at: number; act: () => void }[] = []
  readonly onStep: (world: ElectionWorld) => void

  constructor(settings: ElectionSettings, seed: number, chances: Chances, onStep: (world: ElectionWorld) => void) {
    this.election = newElection(settings)
    this.dice = new Dice(seed)
    this.chances = chances
    this.onStep = onStep
    this.locks = new FakeLocks(settings.mains, settings.standbys, () => String(++this.token))
    const count = settings.mains + settings.standbys
    this.workers = Array.from({ length: count }, (_, worker) => ({
      worker,
      number: 0,
      generation: 0,
      is: 'vacant',
      stopping: false,
    }))
  }

  alive(): FakeContender[] {
    return [...this.contenders.values()].filter(({ process }) => process === 'alive')
  }

  mains(): FakeContender[] {
    return this.alive().filter(({ actsAs }) => actsAs === 'main')
  }

  later(act: () => void, within = SOON): void {
    const at = this.now + this.dice.between(0, within)
    const index = this.calendar.findIndex((one) => one.at > at)
    this.calendar.splice(index < 0 ? this.calendar.length : index, 0, { at, act })
  }

  advance(by: number): void {
    const end = this.now + by
    this.plan()
    for (;;) {
      const next = this.calendar[0]
      const due = deadlineOfElection(this.election) ?? Number.POSITIVE_INFINITY
      const at = Math.max(this.now, Math.min(next?.at ?? Number.POSITIVE_INFINITY, due))
      if (at > end) break
      this.now = at
      if (next !== undefined && next.at <= at) {
        this.calendar.shift()
        next.act()
      } else this.send({ is: 'tick', at })
      this.plan()
    }
    this.now = end
    this.plan()
  }

  send(event: ElectionEvent): void {
    const frozen = JSON.stringify(this.election)
    const [next, effects] = stepElection(JSON.parse(frozen), event)
    this.election = next
    for (const effect of effects) {
      if (effect.do === 'look-at-slot') this.look(effect.slot)
      else this.obey(this.contender(effect.worker, effect.number), effect.effect)
    }
    this.onStep(this)
  }

  tell(one: FakeContender, event: ContenderEvent): void {
    this.send({ is: 'contender', at: event.at, worker: one.worker, number: one.number, event })
  }

  /** By a signal from outside. */
  kill9(one: FakeContender): void {
    if (one.process !== 'alive') return
    one.process = 'dead'
    const heir = this.dice.chance(this.chances.leavesHeir)
    one.heir = heir
    if (!heir) this.closed(one)
    this.later(() => {
      this.tell(one, { is: 'exited', at: this.now, why: 'killed' })
      this.later(() => {
        one.process = 'reaped'
        this.vacate(one)
        this.tell(one, { is: 'reaped', at: this.now, why: 'killed' })
      })
    })
    if (heir) {
      this.later(() => {
        one.heir = false
        this.closed(one)
      }, 3_000)
    }
  }

  /** Lifecycle's way to stop: the election hears of it first. */
  stop(worker: number, why: string): void {
    const found = this.workers[worker]
    if (found === undefined || found.stopping || found.is === 'vacant') return
    const one = this.contender(worker, found.number)
    this.stops.push({ worker, role: one.actsAs, why })
    found.stopping = true
    this.tell(one, { is: 'stop', at: this.now, why })
    if (one.process === 'alive') this.later(() => this.kill9(one), 200)
  }

  failover(): boolean {
    const plan = planSwitch(this.election, null)
    if (plan.is === 'switch') this.stop(plan.worker, 'failover')
    return plan.is === 'switch'
  }

  lose(one: FakeContender, why = 'revoked'): void {
    if (one.grip !== null && one.process === 'alive') this.tell(one, { is: 'lost', at: this.now, why })
  }

  addStranger(): void {
    const holder: Holder = { name: `stranger ${this.strangers.length}`, isOurs: false }
    this.strangers.push({ holder, pid: 9_000 + this.strangers.length })
    this.locks.wait({ holder, granted: () => {} })
  }

  removeStrangers(): void {
    for (const { holder } of this.strangers.splice(0)) this.locks.free(holder)
  }

  /** What the rollout planner does, as far as election is concerned. */
  private plan(): void {
    if (this.wanted) for (const one of this.workers) this.fill(one)
    else for (const worker of stopOrder(this.election)) this.stop(worker, 'down')
    if (this.restart === 'hard') {
      for (const worker of stopOrder(this.election)) if (this.isOutdated(worker)) this.stop(worker, 'cold restart')
    }
    if (this.restart === 'rolling' && this.workers.every(({ stopping }) => !stopping)) {
      const isOutdated = (worker: number): boolean => this.isOutdated(worker)
      const expectsStandbys = this.election.settings.standbys > 0
      const [worker] = replaceableNow(this.election, { isOutdated, minReady: MIN_READY, expectsStandbys }, this.now)
      if (worker !== undefined) this.stop(worker, 'rolling restart')
      else if (this.isAtRest()) this.later(() => {}, MIN_READY)
    }
    if (this.restart !== 'none' && this.workers.every(({ worker }) => !this.isOutdated(worker))) this.restart = 'none'
  }

  private fill(one: FakeWorker): void {
    if (one.is !== 'vacant') return
    const waits =
      this.restart === 'hard' && this.workers.some(({ worker, is }) => is !== 'vacant' && this.isOutdated(worker))
    if (waits) return
    one.number++
    Object.assign(one, { is: 'entered', stopping: false, generation: this.generation })
    const { worker, number, generation } = one
    const name = `${worker}.${number}`
    const fresh = { process: 'none', actsAs: 'standby', grip: null, ours: true, heir: false } as const
    this.contenders.set(name, { name, isOurs: true, worker, number, generation, ...fresh })
    this.send({ is: 'enter', at: this.now, worker, number })
  }

  isOutdated(worker: number): boolean {
    const one = this.workers[worker]
    return one !== undefined && one.is !== 'vacant' && one.generation < this.generation
  }

  isAtRest(): boolean {
    return this.workers.every(({ worker, number }) => {
      const found = contenderOf(this.election, worker, number)
      return found !== null && isSettled(found.state)
    })
  }

  private obey(one: FakeContender, effect: ContenderEffect): void {
    const at = (): number => this.now
    switch (effect.do) {
      case 'try-lock':
        return this.tryLock(one)
      case 'take-place':
        return this.locks.takePlace(one, () => this.answer(one, () => this.tell(one, { is: 'placed', at: at() })))
      case 'start-waiting':
        return this.wait(one, effect.warm)
      case 'cancel-waiting':
        this.asked.set(one, this.askedBy(one) + 1)
        return this.locks.cancel(one)
      case 'spawn-process':
        return this.spawn(one, effect.role)
      case 'tell-promote':
        one.actsAs = 'main'
        return
      case 'tell-lost':
        // It may go on as if nothing was; what counts is that it is killed.
        return
      case 'stop-process':
        return this.later(() => this.kill9(one), effect.force ? 5 : 200)
      case 'release-lock':
        if (one.process === 'alive' || one.process === 'dead') throw new Error(`released before ${one.name} was reaped`)
        one.ours = false
        if (!one.heir) this.closed(one)
        return this.later(() =>
          this.tell(one, { is: 'released', at: at(), heldBy: one.heir ? [{ pid: 7, command: 'heir' }] : [] }),
        )
      case 'no-process':
        if (effect.failed === null) return this.vacate(one)
        return this.later(() => this.vacate(one), 500)
      case 'leave':
        one.ours = false
        if (one.process !== 'alive' && !one.heir) this.closed(one)
        return
      case 'note':
        this.notes.push(`${one.name}: ${effect.event} ${effect.from} -> ${effect.to}: ${effect.reason}`)
    }
  }

  private readonly asked = new Map<FakeContender, number>()

  private askedBy(one: FakeContender): number {
    return this.asked.get(one) ?? 0
  }

  /** Never after it was called back. */
  private answer(one: FakeContender, act: () => void): void {
    const asked = this.askedBy(one)
    this.later(() => {
      if (this.askedBy(one) === asked) act()
    })
  }

  private tryLock(one: FakeContender): void {
    const grip = this.locks.tryNow(one)
    one.grip = grip
    const asked = this.askedBy(one)
    this.later(() => {
      if (this.askedBy(one) !== asked) return grip === null ? undefined : this.locks.free(one)
      if (grip === null) this.tell(one, { is: 'busy', at: this.now, heldBy: this.strangersHolding() })
      else this.tell(one, { is: 'acquired', at: this.now, grip, told: false })
    })
  }

  private wait(one: FakeContender, warm: boolean): void {
    if (this.dice.chance(this.chances.waitFails)) {
      return this.answer(one, () => {
        this.locks.cancel(one)
        this.tell(one, { is: 'wait-failed', at: this.now, why: 'the waiter was killed', mistaken: false })
      })
    }
    this.locks.wait({
      holder: one,
      granted: (grip) => {
        one.grip = grip
        if (warm) one.actsAs = 'main'
        // The news may be late, and come after a stop: then the lock is its own all the same.
        this.later(() => this.tell(one, { is: 'acquired', at: this.now, grip, told: warm }))
      },
    })
  }

  private spawn(one: FakeContender, role: Role): void {
    const found = this.workers[one.worker]
    if (found !== undefined) found.is = 'process'
    one.ours = false
    if (this.dice.chance(this.chances.spawnFails)) {
      return this.later(() => {
        one.process = 'reaped'
        this.vacate(one)
        this.tell(one, { is: 'reaped', at: this.now, why: 'could not be started' })
      })
    }
    Object.assign(one, { process: 'alive', actsAs: role })
    this.later(() => this.tell(one, { is: 'spawned', at: this.now }), 1)
    this.later(() => {
      if (one.process === 'alive') this.tell(one, { is: 'ready', at: this.now })
    }, 300)
  }

  /** The kernel: its last holder is gone. */
  private closed(one: FakeContender): void {
    if (one.process === 'alive' || one.heir) return
    this.locks.free(one)
  }

  private vacate(one: FakeContender): void {
    const found = this.workers[one.worker]
    if (found === undefined || found.number !== one.number) return
    Object.assign(found, { is: 'vacant', stopping: false })
    // The planner looks again.
    this.later(() => {}, 1)
  }

  private look(slot: number): void {
    this.later(() => {
      const pid = this.strangers.find(({ holder }) => holder === this.locks.slots[slot])?.pid
      const heldBy = pid === undefined ? [] : [{ pid, command: 'foreign' }]
      this.send({ is: 'slot-seen', at: this.now, slot, heldBy })
    })
  }

  private strangersHolding(): Stranger[] {
    const holding = this.strangers.filter(({ holder }) => this.locks.slots.includes(holder))
    return holding.map(({ pid }) => ({ pid, command: 'foreign' }))
  }

  private contender(worker: number, number: number): FakeContender {
    const found = this.contenders.get(`${worker}.${number}`)
    if (found === undefined) throw new Error(`nobody is ${worker}.${number}`)
    return found
  }
}
