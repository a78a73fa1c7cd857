// What workers that are no processes can not have. Refused, rather than silently not done.
import type { ServiceSpec } from '../config/effective.ts'
import type { Problem } from '../config/problem.ts'
import { isModule } from './program-file.ts'
import type { ServerOptions } from './server-options.ts'

type OptionProblem = Pick<Problem, 'path' | 'message' | 'hint'>

/** The kernel keeps these for a process as a whole. */
const OF_A_PROCESS = ['user', 'group', 'umask', 'nice', 'limits', 'session', 'cwd', 'stdin'] as const
const OF_AN_ENVIRONMENT = ['env', 'envFile'] as const

const AS_PROCESS = "Leave it out, or write workerType: 'process'."

/** @param options with what `config` gives @param spec what follows from them */
export function inProcessProblems(options: Partial<ServerOptions<never>>, spec: ServiceSpec): readonly OptionProblem[] {
  const { workerType } = options
  if (workerType !== 'thread' && workerType !== 'embedded') return []
  const problems: OptionProblem[] = []
  const refuse = (path: string, message: string, hint = AS_PROCESS): void => void problems.push({ path, message, hint })
  const who = workerType === 'thread' ? 'a thread' : 'an embedded worker'
  for (const key of OF_A_PROCESS) {
    if (options[key] !== undefined) refuse(key, `${who} has none of its own: it is a part of the server's process`)
  }
  if (spec.ready.by === 'ipc') refuse('ready.ipc', `${who} has no process.send`)
  if (spec.stop.file?.includes('%p')) refuse('stop.file', `${who} has no pid, which %p stands for`)
  if (options.slots !== undefined) refuse('slots', `${who} can not hold a lock, which belongs to a process`)
  if (workerType === 'thread') return problems
  // Our bundle is CommonJS, in which Node 20 can not import a module.
  if (isModule(options.worker)) {
    refuse('worker', 'an embedded worker is an object, not a module', "Import it: import worker from './worker.mjs'.")
  }
  for (const key of OF_AN_ENVIRONMENT) {
    if (options[key] !== undefined) refuse(key, 'an embedded worker has the environment of the server')
  }
  if (spec.instances > 1) {
    const mend = "Write workers: 1, or workerType: 'thread'."
    refuse('workers', `an embedded server has one worker, in its own event loop, not ${spec.instances}`, mend)
  }
  return problems
}

/** Two embedded workers side by side would share everything that the program keeps; the sockets hold the connections meanwhile. */
export function embeddedRollout({ workerType, rollout }: Pick<ServerOptions, 'workerType' | 'rollout'>): object {
  return workerType === 'embedded' ? { rollout: { maxSurge: 0, maxUnavailable: 1, ...rollout } } : {}
}
