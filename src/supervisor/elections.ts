// The elections of all services with `slots`, and what the interpreter tells them.
import type { ServiceSpec, SlotsSpec } from '../config/effective.ts'
import { planSwitch, replaceableNow, restAt, type SwitchPlan } from '../election/replacement-order.ts'
import type { ProcessEffect } from '../lifecycle/process-effect.ts'
import { earliest, type Instant } from '../lifecycle/process-state.ts'
import { FileLockProvider } from '../locks/file-lock-provider.ts'
import type { StartLockCommand } from '../locks/start-lock-command.ts'
import { isOutdatedNumber } from '../rollout/reconcile.ts'
import type { ServiceEffect } from '../rollout/service-event.ts'
import { specOf, wantedSlots } from '../rollout/service-state.ts'
import type { Happening } from './happening.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import { type LockGift, ServiceElection } from './service-election.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { LockReport } from './status-report.ts'
import { eventsToStop } from './stop-one-process.ts'

export interface ElectionsContext {
  readonly now: () => Instant
  readonly devNull: number
  readonly startLockCommand: StartLockCommand
  /** Own part of HOLDFAST_ID that all our processes share. */
  readonly idPrefix: string
  readonly isOurs: (pid: number) => boolean
  readonly serviceOf: (name: string) => ServiceRuntime | undefined
  readonly dispatch: (service: string, happening: Happening) => void
  readonly launch: (request: LaunchRequest) => void
  readonly parked: (request: LaunchRequest) => void
  readonly noProcess: (request: LaunchRequest, failed: string | null) => void
  readonly note: (request: LaunchRequest, event: string, reason: string) => void
  readonly setDeadline: (service: string, at: Instant | null) => void
}

export class Elections {
  private readonly context: ElectionsContext
  private readonly byService = new Map<string, ServiceElection>()

  constructor(context: ElectionsContext) {
    this.context = context
  }

  /** Before the service is added. @throws HoldfastError where its lock can not be */
  async open({ name, slots }: ServiceSpec): Promise<void> {
    if (slots === null || this.byService.has(name)) return
    const provider = this.providerOf(slots)
    await provider.open()
    const { context } = this
    this.byService.set(
      name,
      new ServiceElection(slots, provider, {
        now: context.now,
        launch: (request, lock: LockGift) => context.launch({ ...request, lock }),
        parked: context.parked,
        noProcess: context.noProcess,
        trouble: (request, reason) => context.note(request, 'trouble', reason),
        stopProcess: (request, text, force) => this.stopProcess(name, request, text, force),
        note: context.note,
        onChange: () => this.update(name),
      }),
    )
  }

  /** True: whether and when there is a process is settled here. */
  enter(request: LaunchRequest): boolean {
    const { name, replaceable } = request.service.state
    if (replaceable === null) return false
    const election = this.byService.get(name)
    // Without its lock it would be a main too many.
    if (election === undefined) this.context.noProcess(request, 'its lock is not open')
    else election.enter(request, `${this.context.idPrefix}.${name}.${request.slot}.${request.number}`)
    return true
  }

  /** True: there was no process yet, and there will be none. */
  callBack({ state }: ServiceRuntime, slot: number, number: number): boolean {
    return this.byService.get(state.name)?.callBack(slot, number) ?? false
  }

  spawned(process: RunningProcess): void {
    this.byService.get(process.service)?.spawned(process)
  }

  /** There is none: why. */
  notSpawned({ state }: ServiceRuntime, slot: number, number: number, why: string): void {
    this.byService.get(state.name)?.tell(slot, number, { is: 'reaped', why })
  }

  /** What lifecycle does with a process, before it is done. */
  observe({ service, slot, number }: RunningProcess, effect: ProcessEffect): void {
    const election = this.byService.get(service)
    if (election === undefined) return
    if (effect.do === 'became-ready') election.tell(slot, number, { is: 'ready' })
    // Nobody is promoted who is about to go.
    if (effect.do === 'announced-end') election.tell(slot, number, { is: 'stop', why: 'it announced its end' })
    if (effect.do === 'tell-stop') election.tell(slot, number, { is: 'stop', why: effect.reason })
    if (effect.do === 'signal') election.tell(slot, number, { is: 'stop', why: effect.why })
  }

  exited({ service, slot, number }: RunningProcess, why: string): void {
    this.byService.get(service)?.tell(slot, number, { is: 'exited', why })
  }

  released({ service, slot, number }: RunningProcess): void {
    this.byService.get(service)?.tell(slot, number, { is: 'reaped', why: 'nothing of its process is left' })
  }

  tick(service: string): void {
    this.byService.get(service)?.tick()
    this.update(service)
  }

  /** Standbys first: one that is told last would be promoted for its last moments. */
  inOrder(service: string, effects: readonly ServiceEffect[]): readonly ServiceEffect[] {
    const election = this.byService.get(service)
    if (election === undefined) return effects
    const mains = new Set(election.holders().map(({ worker }) => worker))
    const isOfMain = (effect: ServiceEffect): boolean => effect.do === 'slot' && mains.has(effect.slot)
    return [...effects.filter((effect) => !isOfMain(effect)), ...effects.filter(isOfMain)]
  }

  roleOf(service: string, slot: number, number: number | null): 'main' | 'standby' {
    const election = this.byService.get(service)
    if (election === undefined) return 'main'
    return number === null ? 'standby' : election.roleOf(slot, number)
  }

  planSwitch(service: string, worker: number | null): SwitchPlan {
    const election = this.byService.get(service)
    return election === undefined ? { is: 'refused', why: 'it has no slots' } : planSwitch(election.state, worker)
  }

  report(): LockReport[] {
    return [...this.byService].map(([service, election]) => ({
      name: election.slots.lock,
      type: 'file',
      service,
      directory: election.slots.directory,
      mains: election.slots.mains,
      holders: election
        .holderOfEach()
        .map(({ slot, token, worker }) => ({ slot, token, worker: `${service}/${worker}` })),
      strangers: [...election.strangers],
      health: election.health,
    }))
  }

  /** Who holds the slots that none of ours has, for the next `report`. Takes a look into /proc where there are such slots. */
  async look(): Promise<void> {
    await Promise.all([...this.byService.values()].map((election) => election.lookForStrangers(this.context.isOurs)))
  }

  remove(service: string): void {
    this.byService.get(service)?.close()
    this.byService.delete(service)
    this.context.setDeadline(service, null)
  }

  close(): void {
    for (const service of [...this.byService.keys()]) this.remove(service)
  }

  /** What has changed may let another one be replaced. */
  update(name: string): void {
    const election = this.byService.get(name)
    const service = this.context.serviceOf(name)
    if (election === undefined || service === undefined) return
    const { state } = service
    const { minReady } = specOf(state, state.goal).rollout
    const isOutdated = (worker: number, number: number): boolean => isOutdatedNumber(service.state, worker, number)
    const expectsStandbys = wantedSlots(state).length > election.slots.mains
    const rules = { isOutdated, minReady, expectsStandbys }
    const now = this.context.now()
    const slots = replaceableNow(election.state, rules, now)
    const rest = restAt(election.state, rules)
    // What is past brings nothing new.
    this.context.setDeadline(name, earliest(election.deadline, rest !== null && rest > now ? rest : null))
    if (slots.join() !== state.replaceable?.join()) this.context.dispatch(name, { is: 'replaceable', slots })
  }

  private stopProcess(service: string, { slot, number }: LaunchRequest, text: string, force: boolean): void {
    const state = this.context.serviceOf(service)?.state.slots.find((one) => one.slot === slot)
    if (state === undefined) return
    for (const event of eventsToStop(state, number, { at: this.context.now(), text, force }))
      this.context.dispatch(service, { is: 'slot', slot, event })
  }

  private providerOf({ directory, mains, standbys, stopFile, promoteSignal }: SlotsSpec): FileLockProvider {
    const { startLockCommand: start, devNull, isOurs } = this.context
    const promotion = { stopFile, promoteSignal }
    return new FileLockProvider({ directory, mains, standbys, ...promotion, start, devNull, isOurs })
  }
}
