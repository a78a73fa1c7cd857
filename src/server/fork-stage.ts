// Where a program that a forkserver loads leaves its worker, for whoever has loaded it: the program has this package from somewhere else
// than that one, so they meet in the global object.
import type { WorkerDefinition } from './worker-definition.ts'

export interface ForkStage {
  /** Called by `run`, `command` and `open` of the server. */
  take(definition: WorkerDefinition<never>): void
}

const key = Symbol.for('holdfast.fork-stage')
const shared = globalThis as { [key]?: ForkStage }

/** Null: this process runs what it loads. */
export function forkStage(): ForkStage | null {
  return shared[key] ?? null
}

export function openForkStage(stage: ForkStage): void {
  shared[key] = stage
}
