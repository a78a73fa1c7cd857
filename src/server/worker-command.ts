// How a worker's process is started.
import { fileURLToPath } from 'node:url'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ServerOptions } from './server-options.ts'

/** An inline worker is the same program once more; a module has a small program of ours around it. */
export function workerCommand({ worker, workerType = 'process', command }: ServerOptions, program: string): unknown {
  if (workerType === 'spawn') return command
  const node = [process.execPath, ...process.execArgv.filter((flag) => !isOfThisProcessOnly(flag))]
  if (isModule(worker)) return [...node, workerModuleRunner(), moduleUrl(worker)]
  return [...node, program, ...process.argv.slice(2)]
}

export function isModule(worker: unknown): worker is URL | string {
  return worker instanceof URL || typeof worker === 'string'
}

/** The file that was run. @throws HoldfastError where there is none: `node -e`, the REPL, a program on stdin */
export function programOfThisProcess(): string {
  const [, program] = process.argv
  if (program !== undefined && program !== '' && program !== '-') return program
  throw new HoldfastError('HF_USAGE', {
    problem: 'a server needs a program in a file: each of its workers runs that program again',
    verb: '',
  })
}

/** A worker must not wait for the debugger of its server, nor take its port. */
function isOfThisProcessOnly(flag: string): boolean {
  return /^--(inspect|debug|eval|print|test$|watch|max-semi-space-size)/.test(flag)
}

function moduleUrl(worker: URL | string): string {
  const url = worker instanceof URL ? worker : new URL(worker)
  return url.protocol === 'file:' ? fileURLToPath(url) : url.href
}

/** Stands beside this bundle. */
function workerModuleRunner(): string {
  return require.resolve('./run-worker.js')
}
