// A call to the supervisor that a command is for.
import { type ControlAnswer, type ControlRequest, callSupervisor } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive } from '../os/process-identity.ts'
import type { Context } from './context.ts'
import { findSupervisor, type SupervisorPlace } from './find-supervisor.ts'

/** Seconds within which a supervisor that is alive answers a question. */
export const PROMPT = 10

/** @throws HoldfastError HF_UNREACHABLE (with how to start it), HF_PERMISSION, and what the supervisor answers. */
export function call(context: Context, request: ControlRequest): Promise<ControlAnswer> {
  return callAt(context, placeOf(context), request)
}

export async function callAt(
  context: Context,
  place: SupervisorPlace,
  request: ControlRequest,
): Promise<ControlAnswer> {
  try {
    return await callSupervisor(place.socket, request)
  } catch (error) {
    if (!isUnreachable(error)) throw error
    throw new HoldfastError('HF_UNREACHABLE', await whereOf(context, place), { cause: error })
  }
}

export function placeOf(context: Context): SupervisorPlace {
  return findSupervisor(context.command.global, context)
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'HF_UNREACHABLE'
}

/** Names the workers that a dead supervisor left running: starting another one beside them would be refused. */
async function whereOf({ command }: Context, { socket, pointer }: SupervisorPlace) {
  const { config } = command.global
  const where = pointer?.configFile ? ` for ${pointer.configFile}` : ` at ${socket}`
  const start = config === null ? '' : ` -c ${config}`
  if (pointer !== null && isAlive({ pid: pointer.pid, startTime: pointer.startTime ?? 0 })) {
    return {
      where: ` at its socket: pid ${pointer.pid} lives, but its socket is gone; end it with kill -TERM ${pointer.pid}`,
      config: start,
    }
  }
  const { livingLeftovers } = await import('./supervise.ts')
  const left = pointer === null ? [] : livingLeftovers(pointer.runtimeDir)
  if (left.length === 0) return { where, config: start }
  const names = left.slice(0, 5).map(({ worker, pid }) => `${worker} (pid ${pid})`)
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : ''
  return {
    where: `${where}; workers that it left behind still run: ${names.join(', ')}${more}`,
    config: `${start} --clean`,
  }
}
