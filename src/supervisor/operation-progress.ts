// What an operator is shown while an operation runs: a sentence for each step, and how many workers are done.
import { currentOf, type SlotState, slotServes } from '../lifecycle/slot-state.ts'
import { isWanted, specOf } from '../rollout/service-state.ts'
import type { Progress } from './engine-api.ts'
import type { Journal } from './journal.ts'
import { Narrator } from './narrator.ts'
import { currentProcess, type ServiceRuntime } from './service-runtime.ts'

/** What makes a worker done; null: the steps alone are told. */
export type ProgressGoal = 'replaced' | 'ready' | 'stopped' | null

/** `slots` null: all. */
export interface ProgressTarget {
  readonly service: string
  readonly slots: readonly number[] | null
}

export interface ProgressSource {
  readonly journal: Journal
  runtimeOf(service: string): ServiceRuntime | undefined
}

/** Until the returned function is called. */
export function reportProgress(
  source: ProgressSource,
  targets: readonly ProgressTarget[],
  goal: ProgressGoal,
  report: (progress: Progress) => void,
): () => void {
  const narrator = narratorOf((name) => source.runtimeOf(name))
  const slotsOf = new Map(targets.map(({ service, slots }) => [service, slots]))
  const count = goal === null ? null : new WorkerCount(source, targets, goal)
  return source.journal.subscribe((entry) => {
    const { service, worker } = entry
    if (service === undefined || !slotsOf.has(service)) return
    count?.look(service)
    const message = narrator.tell(entry)
    // Who asked knows that it begins, and is told the outcome.
    if (message !== null && (entry.kind !== 'rollout' || entry.to === 'failed')) {
      report({ service, ...(worker === undefined ? {} : { worker }), message, ...count?.now })
    }
  })
}

export function narratorOf(runtimeOf: ProgressSource['runtimeOf']): Narrator {
  return new Narrator({
    pidOf(worker) {
      const [name = '', slot] = worker.split('/')
      const runtime = runtimeOf(name)
      const state = runtime?.state.slots.find((each) => each.slot === Number(slot))
      if (runtime === undefined || state === undefined) return null
      return currentProcess(runtime, state)?.pid ?? null
    },
    minReady(name) {
      const state = runtimeOf(name)?.state
      return state === undefined ? 0 : specOf(state, state.goal).rollout.minReady
    },
    desired: (name) => runtimeOf(name)?.state.desired ?? 0,
  })
}

/** Of all services of the operation together; only the service that changed is counted again. */
class WorkerCount {
  readonly #source: ProgressSource
  readonly #targets: ReadonlyMap<string, readonly number[] | null>
  readonly #goal: ProgressGoal
  /** Number of the process that each slot had when the operation began. */
  readonly #before = new Map<string, ReadonlyMap<number, number>>()
  readonly #counts = new Map<string, { done: number; total: number }>()
  #done = 0
  #total = 0

  constructor(source: ProgressSource, targets: readonly ProgressTarget[], goal: ProgressGoal) {
    this.#source = source
    this.#targets = new Map(targets.map(({ service, slots }) => [service, slots]))
    this.#goal = goal
    for (const { service } of targets) {
      const slots = source.runtimeOf(service)?.state.slots ?? []
      this.#before.set(service, new Map(slots.flatMap((slot) => liveNumber(slot))))
      this.look(service)
    }
  }

  get now(): { done: number; total: number } | Record<string, never> {
    return this.#total === 0 ? {} : { done: this.#done, total: this.#total }
  }

  look(service: string): void {
    const old = this.#counts.get(service) ?? { done: 0, total: 0 }
    const fresh = this.#countOf(service)
    this.#counts.set(service, fresh)
    this.#done += fresh.done - old.done
    this.#total += fresh.total - old.total
  }

  #countOf(service: string): { done: number; total: number } {
    const state = this.#source.runtimeOf(service)?.state
    if (state === undefined) return { done: 0, total: 0 }
    const asked = this.#targets.get(service) ?? null
    const before = this.#before.get(service)
    const concerned = state.slots.filter(({ slot }) => asked?.includes(slot) ?? true)
    if (this.#goal === 'stopped') {
      const running = concerned.filter(({ slot }) => before?.has(slot))
      return { done: running.filter(isStopped).length, total: running.length }
    }
    const wanted = concerned.filter(({ slot }) => isWanted(state, slot))
    const isDone = (slot: SlotState): boolean =>
      slotServes(slot) && (this.#goal === 'ready' || currentOf(slot.phase)?.number !== before?.get(slot.slot))
    return { done: wanted.filter(isDone).length, total: wanted.length }
  }
}

function liveNumber(slot: SlotState): [number, number][] {
  const live = currentOf(slot.phase)
  return live === null ? [] : [[slot.slot, live.number]]
}

function isStopped({ phase, other }: SlotState): boolean {
  return phase.is === 'stopped' && other === null
}
