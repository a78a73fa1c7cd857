// What `config` returned, on its way to the workers: JSON in a variable of the environment at their start, and in one line of a pipe at
// a reload.
import { invalidOptions } from './refuse-options.ts'
import type { WorkerType } from './server-options.ts'

/** A pipe holds 64 KiB, and a worker may have one line unread; an environment variable may have 128 KiB. */
const LARGEST = 48 * 1024

/** @throws HoldfastError HF_CONFIG_INVALID for what can not be handed on */
export function requireHandable(config: unknown, name: string, workerType: WorkerType = 'process'): void {
  // The worker has the very object.
  if (workerType === 'embedded') return
  const refuse = (problem: string, mend: string): never => {
    throw invalidOptions(name, [{ path: 'config', message: problem, hint: mend }])
  }
  if (typeof config === 'function' || typeof config === 'symbol')
    refuse(`what it returned is a ${typeof config}`, 'Return plain data: it goes to other processes.')
  let text: string | undefined
  try {
    text = JSON.stringify(config)
  } catch (error) {
    return refuse(
      `what it returned can not be written as JSON: ${error instanceof Error ? error.message : String(error)}`,
      'Return plain data: it goes to other processes.',
    )
  }
  const size = Buffer.byteLength(text ?? '')
  if (size > LARGEST) {
    refuse(
      `what it returned is ${Math.ceil(size / 1024)} KB as JSON, and at most ${LARGEST / 1024} KB can be handed to a worker`,
      'Return where the rest can be read: a path, a URL.',
    )
  }
}
