// The program around a worker that is a module of its own: `node run-worker.js MODULE`.
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { worker } from '../worker/index.ts'
import { workerHookProblems } from './hook-names.ts'
import { tierOfThisProcess } from './tier.ts'
import type { WorkerDefinition } from './worker-definition.ts'
import { runWorker } from './worker-program.ts'

/** Where it was thrown says nothing. */
class NoWorker extends Error {}

const [, , module = ''] = process.argv
const tier = tierOfThisProcess()

try {
  if (tier.is !== 'worker') throw new Error('this is for a server made with holdfast, which starts its workers by it')
  const { default: definition } = (await import(isAbsolute(module) ? pathToFileURL(module).href : module)) as {
    default?: WorkerDefinition
  }
  if (typeof definition?.run !== 'function')
    throw new NoWorker(`${module} has no worker: its default export must be an object with a function run`)
  const [problem] = workerHookProblems(definition)
  if (problem !== undefined) throw new NoWorker(`${module}: ${problem.path}: ${problem.message}. ${problem.hint}`)
  await runWorker(definition, tier, worker)
} catch (error) {
  console.error(error instanceof NoWorker ? error.message : error)
  process.exit(1)
}
