// The program around a worker that is a module of its own: `node run-worker.js MODULE`.
import { worker } from '../worker/index.ts'
import { loadWorkerModule, NoWorker } from './load-worker-module.ts'
import { tierOfThisProcess } from './tier.ts'
import { runWorker } from './worker-program.ts'

const [, , module = ''] = process.argv
const tier = tierOfThisProcess()

try {
  if (tier.is !== 'worker') throw new Error('this is for a server made with holdfast, which starts its workers by it')
  await runWorker(await loadWorkerModule(module), tier, worker)
} catch (error) {
  console.error(error instanceof NoWorker ? error.message : error)
  process.exit(1)
}
