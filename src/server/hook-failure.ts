// What a program's own function throws where nothing can go on without it, as an error that a user can act on.
import { dirname } from 'node:path'
import { formatDuration, parseDuration } from '../config/values/duration.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { holdfastProgram } from './worker-command.ts'

/** As the settings have it, whose table a server has no need of. */
const DEFAULT_START_TIMEOUT = '30s'
const LONGEST_TIMER = 2 ** 31 - 1

export interface HookCall {
  readonly when: keyof typeof MEND
  readonly startTimeout?: string | number | undefined
  readonly onHook?: HookWatch | undefined
}

/** Hears of each call before it is made, with the milliseconds that it may take, and of its end (null). */
export type HookWatch = (hook: Hook | null, limit: number) => void

export type Hook = 'config' | 'initialize' | 'beforeRun' | 'reloadConfig'

const MEND = {
  start: 'Mend it, then start again.',
  reload: 'Nothing is changed: the configuration of before stays in force.',
} as const

/**
 * One that never ends would hold a start, or a reload, for ever: it has the `startTimeout` that a worker has.
 * @param startTimeout as the options have it @throws HoldfastError HF_HOOK_FAILED, with what it threw as `cause`
 */
export async function callHook<T>(
  hook: Hook,
  { when, startTimeout = DEFAULT_START_TIMEOUT, onHook }: HookCall,
  act: () => T | Promise<T>,
): Promise<T> {
  const limit = parseDuration(String(startTimeout)) ?? parseDuration(DEFAULT_START_TIMEOUT) ?? 0
  onHook?.(hook, limit)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`it has not ended within ${formatDuration(limit)} (startTimeout)`)
    error.stack = ''
    timer = setTimeout(() => reject(error), Math.min(limit, LONGEST_TIMER))
  })
  try {
    return await Promise.race([act(), late])
  } catch (error) {
    const detail = { hook, problem: messageOf(error), mend: MEND[when], stack: ownFrames(error) }
    throw new HoldfastError('HF_HOOK_FAILED', detail, { cause: error })
  } finally {
    clearTimeout(timer)
    onHook?.(null, limit)
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `it threw ${String(error)}`
  return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`
}

/** Those of the program: who has called it is no help. */
function ownFrames(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const ours = dirname(holdfastProgram())
  const frames = stack.split('\n').filter((line) => /^ +at /.test(line))
  return frames
    .filter((frame) => !frame.includes(ours) && !frame.includes('node:internal'))
    .map((frame) => `${frame}\n`)
    .join('')
}
