// A cold start: the preloads and the entry in this very process, which is a spawned worker already.
import type { RunnerArguments } from './arguments.ts'
import { runInWorker } from './hooks.ts'
import { type Exports, loadModule } from './load-module.ts'
import { runEntry } from './run-entry.ts'

/** What goes wrong is an error that nobody catches, as in a program of its own. */
export async function runCold({ preload, entry }: RunnerArguments): Promise<void> {
  let last: Exports | null = null
  for (const name of preload) last = await loadModule(name)
  await runInWorker()
  await runEntry(entry, last)
}
