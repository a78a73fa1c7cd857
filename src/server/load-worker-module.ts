import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { workerHookProblems } from './hook-names.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/** Where it was thrown says nothing. */
export class NoWorker extends Error {}

/** @param module path of a file, or a URL @throws NoWorker where its default export is none; what Node says of one that it can not load */
export async function loadWorkerModule(module: string): Promise<WorkerDefinition> {
  const { default: definition } = (await import(isAbsolute(module) ? pathToFileURL(module).href : module)) as {
    default?: WorkerDefinition
  }
  if (typeof definition?.run !== 'function')
    throw new NoWorker(`${module} has no worker: its default export must be an object with a function run`)
  const [problem] = workerHookProblems(definition)
  if (problem !== undefined) throw new NoWorker(`${module}: ${problem.path}: ${problem.message}. ${problem.hint}`)
  return definition
}
