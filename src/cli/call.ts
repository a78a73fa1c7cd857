// A call to the supervisor that a command is for.
import { type ControlAnswer, type ControlRequest, callSupervisor } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive } from '../os/process-identity.ts'
import { findSupervisor, type SupervisorPlace } from '../server/find-supervisor.ts'
import { type Pointer, supervisorOf } from '../server/pointer.ts'
import { silent, watchForStop } from '../server/silent-supervisor.ts'
import { becomeOwner } from './become-owner.ts'
import type { Context } from './context.ts'

/** Seconds within which a supervisor that is alive begins to answer: an operation is taken on at once, too. */
export const PROMPT = 10

/** @throws HoldfastError HF_UNREACHABLE (with how to start it), HF_PERMISSION, HF_NO_ANSWER, and what the supervisor answers. */
export async function call(context: Context, request: ControlRequest): Promise<ControlAnswer> {
  return callAt(placeOf(context), request)
}

export async function callAt(place: SupervisorPlace, request: ControlRequest): Promise<ControlAnswer> {
  let giveUp = (_reason: unknown): void => {}
  const supervisor = place.pointer && supervisorOf(place.pointer)
  const watch = supervisor && watchForStop(supervisor, (error) => giveUp(error))
  const onAccepted = () => {
    // Who follows logs may wait; who waits for an outcome is told that it does not come.
    if (request.method === 'GET') watch?.end()
    request.onAccepted?.()
  }
  const onWaiting: ControlRequest['onWaiting'] = (act) => {
    giveUp = act
  }
  try {
    return await callSupervisor(place.socket, { answerWithin: PROMPT, ...request, onAccepted, onWaiting })
  } catch (error) {
    throw await explained(error, place)
  } finally {
    watch?.end()
  }
}

export function placeOf(context: Context): SupervisorPlace {
  const place = findSupervisor(context.command.global, context)
  if (place.pointer !== null) becomeOwner(place.pointer)
  return place
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'HF_UNREACHABLE' || error.code === 'HF_SOCKET_GONE')
}

async function explained(error: unknown, place: SupervisorPlace): Promise<unknown> {
  if (!(error instanceof HoldfastError)) return error
  if (error.code === 'HF_UNREACHABLE') return unreachable(place, error)
  if (error.code !== 'HF_NO_ANSWER' || error.detail.who !== '') return error
  return silent({ pid: await pidOf(place), limit: String(error.detail.limit) })
}

/** Of a supervisor whose socket was named: by its lock, which lies beside the socket as a rule. */
async function pidOf({ pointer, socket }: SupervisorPlace): Promise<number | null> {
  if (pointer !== null) return pointer.pid
  const { lockHolder } = await import('./supervise.ts')
  return lockHolder(socket.replace(/[^/]*$/, 'lock'))
}

async function unreachable({ socket, pointer }: SupervisorPlace, cause: unknown): Promise<HoldfastError> {
  if (pointer === null) return new HoldfastError('HF_UNREACHABLE', { where: ` at ${socket}`, config: '' }, { cause })
  if (isAlive(supervisorOf(pointer)))
    return new HoldfastError('HF_SOCKET_GONE', { pid: pointer.pid, socket }, { cause })
  const where = pointer.configFile ? ` for ${pointer.configFile}` : ` at ${socket}`
  return new HoldfastError('HF_UNREACHABLE', await withLeftovers(where, pointer), { cause })
}

/** Names the workers that a dead supervisor left running: starting another one beside them would be refused. */
async function withLeftovers(where: string, { runtimeDir }: Pointer): Promise<{ where: string; config: string }> {
  const { livingLeftovers } = await import('./supervise.ts')
  const left = livingLeftovers(runtimeDir)
  if (left.length === 0) return { where, config: '' }
  const names = left.slice(0, 5).map(({ worker, pid }) => `${worker} (pid ${pid})`)
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : ''
  return { where: `${where}; workers that it left behind still run: ${names.join(', ')}${more}`, config: ' --clean' }
}
