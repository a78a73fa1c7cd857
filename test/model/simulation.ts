// A world for the pure core: programs that boot, crash, hang, linger and reuse pids, under a clock that only moves when told.
// It carries out the effects of `stepService`, fires `tick` exactly at `deadlineOfService`, and objects to every effect that
// the real interpreter could not carry out.
import type { ServiceSpec } from '../../src/config/effective.ts'
import type { ProcessEffect } from '../../src/lifecycle/process-effect.ts'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { SlotEffect } from '../../src/lifecycle/slot-event.ts'
import type { ServiceEffect, ServiceEvent } from '../../src/rollout/service-event.ts'
import { deadlineOfService, newService, type ServiceState } from '../../src/rollout/service-state.ts'
import { stepService } from '../../src/rollout/service-step.ts'
import { Calendar } from './calendar.ts'
import { Dice } from './dice.ts'
import { type FakeProcess, type GroupMember, newFakeProcess } from './fake-process.ts'
import { behaviourOf, type Ending } from './fake-program.ts'

export type WithoutTime<E> = E extends unknown ? Omit<E, 'at' | 'random'> : never

export type Observer = (step: {
  readonly before: ServiceState
  readonly event: ServiceEvent
  readonly after: ServiceState
  readonly effects: readonly ServiceEffect[]
}) => void

export interface SimulationOptions {
  readonly seed: number
  /** Events come late and twice. */
  readonly rough: boolean
  /** Spawns at once, within the step that asks for it, as the interpreter does unless it has many to spawn. */
  readonly eager: boolean
  /** The state goes through JSON before every step. */
  readonly throughJson?: boolean
}

/** More steps than this in one go: two rules undo each other, or something restarts without a pause. */
const STEPS_AT_MOST = 30_000

export class Simulation {
  service: ServiceState
  now = 0
  readonly dice: Dice
  readonly log: ServiceEvent[] = []
  readonly effects: ServiceEffect[] = []
  readonly processes = new Map<string, FakeProcess>()
  /** From now on everything that is started is a good program. */
  calm = false
  private readonly options: SimulationOptions
  private readonly observers: Observer[] = []
  private readonly news: (() => void)[] = []
  private readonly calendar = new Calendar()
  private readonly numbersSeen = new Set<string>()
  private startTimes = 0
  private steps = 0

  constructor(spec: ServiceSpec, options: SimulationOptions) {
    this.options = options
    this.dice = new Dice(options.seed)
    this.service = newService(spec, 1)
  }

  observe(observer: Observer): void {
    this.observers.push(observer)
  }

  /** A command of the operator, or news from elsewhere. */
  send(event: WithoutTime<ServiceEvent>): void {
    this.step({ ...event, at: this.now, random: this.dice.roll() } as ServiceEvent)
  }

  /** News of one process. */
  tell(slot: number, number: number, event: WithoutTime<ProcessEvent>): void {
    const dated = { ...event, at: this.now } as ProcessEvent
    this.send({ is: 'slot', slot, event: { is: 'process', at: this.now, number, event: dated } })
  }

  /** Lets time pass, and all that happens in it. */
  advance(millis: number): void {
    const end = this.now + millis
    this.steps = 0
    for (;;) {
      const next = this.calendar.next()
      const deadline = deadlineOfService(this.service) ?? Number.POSITIVE_INFINITY
      const at = Math.max(this.now, Math.min(next?.at ?? Number.POSITIVE_INFINITY, deadline))
      if (at > end) break
      this.now = at
      if (++this.steps > STEPS_AT_MOST) throw new Error(`more than ${STEPS_AT_MOST} steps in ${millis} ms: it spins`)
      // What already lies there wins over a deadline of the same moment.
      if (next !== undefined && next.at <= deadline) {
        this.calendar.remove(next)
        next.run()
      } else this.send({ is: 'tick' })
    }
    this.now = end
  }

  /** The supervisor itself does not run for so long; its workers go on, or are stopped with it. */
  gap(millis: number, together: boolean): void {
    if (!together) this.calendar.hasten(millis, this.now)
  }

  /** Those that the core has not let go of. */
  held(): FakeProcess[] {
    return [...this.processes.values()].filter((process) => !process.released)
  }

  living(): FakeProcess[] {
    return [...this.processes.values()].filter((process) => process.alive)
  }

  /** Living members of groups whose leader is dead, but for those that nothing can end. */
  leftovers(): number {
    const groups = [...this.processes.values()].filter((process) => !process.alive)
    return groups.flatMap(({ group }) => group).filter((member) => member.alive && member.onTerm !== 'zombie').length
  }

  process(slot: number, number: number): FakeProcess | undefined {
    return this.processes.get(`${slot}/${number}`)
  }

  // --- what a process does by itself

  kill9(process: FakeProcess): void {
    this.die(process, null, 'KILL')
  }

  exit(process: FakeProcess, code: number): void {
    this.die(process, code, null)
  }

  hang(process: FakeProcess): void {
    process.hung = true
    const timeout = process.spec.heartbeat?.timeout
    if (timeout !== undefined) this.sayOverdue(process, timeout)
  }

  finish(process: FakeProcess): void {
    if (!process.alive) return
    this.say(process, { is: 'finishing' })
    // Not all of those that announce their end keep their word.
    if (this.dice.chance(0.8)) this.in(this.dice.between(1, 400), () => this.die(process, 0, null))
  }

  say(process: FakeProcess, event: WithoutTime<ProcessEvent>): void {
    this.in(this.lag(), () => this.tell(process.slot, process.number, event))
    if (this.options.rough && this.dice.chance(0.1)) {
      this.in(this.dice.between(0, 5_000), () => this.tell(process.slot, process.number, event))
    }
  }

  // --- steps

  private step(event: ServiceEvent): void {
    const before = this.options.throughJson ? (JSON.parse(JSON.stringify(this.service)) as ServiceState) : this.service
    const [after, effects] = stepService(before, event)
    this.log.push(event)
    this.service = after
    for (const effect of effects) this.perform(effect)
    for (const observer of this.observers) observer({ before, event, after, effects })
    // What the step itself brought about comes before all else.
    for (let next = this.news.shift(); next !== undefined; next = this.news.shift()) next()
  }

  private perform(effect: ServiceEffect): void {
    this.effects.push(effect)
    if (effect.do === 'slot') this.performSlot(effect.slot, effect.effect)
  }

  private performSlot(slot: number, effect: SlotEffect): void {
    if (effect.do === 'spawn') return this.spawn(slot, effect.number, effect.generation)
    if (effect.do !== 'process') return
    const process = this.process(slot, effect.number)
    this.insist(process !== undefined, `an effect for ${slot}/${effect.number}, which never was: ${effect.effect.do}`)
    this.insist(!process.released, `an effect for ${slot}/${effect.number}, which was released: ${effect.effect.do}`)
    this.performProcess(process, effect.effect)
  }

  private performProcess(process: FakeProcess, effect: ProcessEffect): void {
    switch (effect.do) {
      case 'signal':
        return this.signal(process, effect)
      case 'tell-stop':
      case 'run-stop-command':
        return this.obey(process)
      case 'make-stop-file':
        process.stopFile = effect.path
        return this.obey(process)
      case 'remove-stop-file':
        this.insist(process.stopFile === effect.path, 'a stop file is removed that is not there')
        process.stopFile = null
        return
      case 'send-reload':
        return this.reload(process)
      case 'reload-done':
        process.reloadsOpen = 0
        return
      case 'cancel-spawn':
        return this.cancel(process)
      case 'watch-group':
        process.groupWatched = true
        return this.lookAtGroup(process)
      case 'release':
        return this.release(process)
      default:
        return
    }
  }

  private spawn(slot: number, number: number, generation: number): void {
    const name = `${slot}/${number}`
    this.insist(!this.numbersSeen.has(name), `${name} is spawned twice`)
    this.numbersSeen.add(name)
    const beside = this.held().filter((process) => process.slot === slot)
    this.insist(beside.length <= 1, `${name} would be the third process of its slot`)
    const spec = this.service.specs[generation]
    this.insist(spec !== undefined, `${name} is spawned from generation ${generation}, whose spec is forgotten`)
    const behaviour = behaviourOf(this.calm ? 'good' : (spec.command[0] ?? 'good'), this.dice)
    const process = newFakeProcess({ slot, number, generation, spec, behaviour, launching: this.options.eager })
    this.processes.set(name, process)
    if (this.options.eager) this.news.push(() => this.launch(process))
    else this.in(this.lag(), () => this.launch(process))
  }

  /** Too late for one that is launched already: the news of that is on its way. */
  private cancel(process: FakeProcess): void {
    this.insist(
      process.spawn === 'queued',
      `the spawn of ${process.slot}/${process.number} is cancelled, which is past`,
    )
    if (process.launching) return
    process.spawn = 'cancelled'
    this.news.push(() => {
      process.released = true
      this.tell(process.slot, process.number, { is: 'spawn-cancelled' })
    })
  }

  /** The spawn itself and the news of it are one. */
  private launch(process: FakeProcess): void {
    if (process.spawn !== 'queued') return
    const { behaviour } = process
    if (!behaviour.spawns) {
      process.spawn = 'failed'
      return this.tell(process.slot, process.number, { is: 'spawn-failed', error: 'command not found' })
    }
    process.spawn = 'done'
    process.identity = { pid: this.freePid(), startTime: ++this.startTimes }
    process.alive = true
    for (const member of process.group) member.alive = true
    this.tell(process.slot, process.number, { is: 'spawned', process: process.identity })
    const { readyAfter, end } = behaviour
    if (readyAfter !== null && process.spec.ready.by !== 'delay') {
      this.in(readyAfter, () => {
        if (process.alive && !process.hung) this.say(process, { is: 'ready' })
      })
    }
    if (behaviour.extends) this.in(10, () => this.askForTime(process))
    if (end !== null) this.in(end.after, () => this.end(process, end.how))
  }

  /** Pids are scarce here: the lowest free one is used again at once. */
  private freePid(): number {
    const used = new Set<number>()
    for (const { identity, alive, exitTold, group } of this.processes.values()) {
      if (identity !== null && (alive || !exitTold || group.some((member) => member.alive))) used.add(identity.pid)
    }
    let pid = 2
    while (used.has(pid)) pid++
    return pid
  }

  private end(process: FakeProcess, how: Ending): void {
    if (!process.alive) return
    switch (how) {
      case 'exit-0':
        return this.die(process, 0, null)
      case 'exit-1':
        return this.die(process, 1, null)
      case 'crash':
        return this.die(process, null, 'SEGV')
      case 'finish':
        return this.finish(process)
      case 'hang':
        return this.hang(process)
    }
  }

  private die(process: FakeProcess, code: number | null, signal: string | null): void {
    if (!process.alive) return
    process.alive = false
    // The interpreter signals the group while its dead leader still holds the pid.
    if (process.spec.stop.group) for (const member of process.group) this.signalMember(process, member, 'TERM')
    this.in(this.lag(), () => {
      const leftover = process.group.some((member) => member.alive)
      process.exitTold = true
      process.leftoverTold = leftover
      this.tell(process.slot, process.number, { is: 'exited', code, signal, leftover })
      if (this.options.rough && this.dice.chance(0.1))
        this.say(process, { is: 'exited', code, signal, leftover: !leftover })
    })
  }

  private sayOverdue(process: FakeProcess, timeout: number): void {
    this.in(
      timeout,
      () => {
        if (!process.alive || process.released) return
        this.tell(process.slot, process.number, { is: 'overdue', which: 'heartbeat', late: 10 })
        this.sayOverdue(process, 1_000)
      },
      true,
    )
  }

  private askForTime(process: FakeProcess): void {
    if (!process.alive || process.extensions === 0) return
    process.extensions--
    this.say(process, { is: 'extend', by: 300 })
  }

  private obey(process: FakeProcess): void {
    if (process.behaviour.obeysWords && !process.hung) this.in(5, () => this.die(process, 0, null))
  }

  private reload(process: FakeProcess): void {
    process.reloadsOpen++
    const error = this.dice.chance(0.2) ? 'the reload command exited with code 1' : null
    this.say(process, { is: 'reload-sent', error })
    if (!process.behaviour.answersReload || process.hung) return
    this.say(process, { is: 'reloading' })
    this.in(50, () => process.alive && this.say(process, { is: 'ready' }))
  }

  private signal(process: FakeProcess, { process: identity, signal, scope }: ProcessEffect & { do: 'signal' }): void {
    const { slot, number } = process
    const known = process.identity
    this.insist(
      known !== null && known.pid === identity.pid && known.startTime === identity.startTime,
      `SIG${signal} for ${slot}/${number} goes to somebody else`,
    )
    this.insist(
      !process.exitTold || process.leftoverTold,
      `SIG${signal} for ${slot}/${number}, which is known to be gone`,
    )
    if (process.exitTold)
      this.insist(scope === 'group', `SIG${signal} for ${slot}/${number}, whose leader is known to be dead`)
    if (scope === 'group') for (const member of process.group) this.signalMember(process, member, signal)
    if (!process.alive) return
    const { onKill, onTerm } = process.behaviour
    if (signal === 'KILL') return this.in(onKill, () => this.die(process, null, 'KILL'))
    if (process.behaviour.extends) this.askForTime(process)
    if (onTerm === null || process.hung) return
    const bySignal = this.dice.chance(0.3)
    this.in(onTerm, () => this.die(process, bySignal ? null : 0, bySignal ? 'TERM' : null))
  }

  private signalMember(process: FakeProcess, member: GroupMember, signal: string): void {
    if (member.onTerm === 'zombie' || (signal !== 'KILL' && member.onTerm === null)) return
    this.in(signal === 'KILL' ? 1 : (member.onTerm ?? 0), () => {
      member.alive = false
      this.lookAtGroup(process)
    })
  }

  private lookAtGroup(process: FakeProcess): void {
    if (!process.groupWatched || process.released || process.group.some((member) => member.alive)) return
    this.in(this.lag(), () => {
      process.leftoverTold = false
      this.tell(process.slot, process.number, { is: 'swept' })
    })
  }

  private release(process: FakeProcess): void {
    const { slot, number } = process
    this.insist(!process.alive, `${slot}/${number} is released while it lives`)
    this.insist(process.spawn !== 'queued', `${slot}/${number} is released while it waits to be spawned`)
    this.insist(process.stopFile === null, `${slot}/${number} leaves its stop file behind`)
    this.insist(process.reloadsOpen === 0, `${slot}/${number} leaves a reload without an outcome`)
    process.released = true
  }

  private in(millis: number, run: () => void, supervised = false): void {
    this.calendar.add({ at: this.now + millis, supervised, run })
  }

  private lag(): number {
    return this.options.rough ? this.dice.between(0, 20) : 0
  }

  private insist(holds: boolean, otherwise: string): asserts holds {
    if (!holds) throw new Error(`at ${this.now} ms: ${otherwise}`)
  }
}
