// A call to the supervisor that a command is for.
import { type ControlAnswer, type ControlRequest, callSupervisor } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
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
    throw isUnreachable(error) ? new HoldfastError('HF_UNREACHABLE', whereOf(context, place), { cause: error }) : error
  }
}

export function placeOf(context: Context): SupervisorPlace {
  return findSupervisor(context.command.global, context)
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'HF_UNREACHABLE'
}

function whereOf({ command }: Context, { socket, pointer }: SupervisorPlace): { where: string; config: string } {
  const { config } = command.global
  const where = pointer?.configFile ? ` for ${pointer.configFile}` : ` at ${socket}`
  return { where, config: config === null ? '' : ` -c ${config}` }
}
