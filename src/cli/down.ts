// `down`: through the supervisor; if that is dead, what it left running is ended.
import { rmSync } from 'node:fs'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { awaitExit } from './await-exit.ts'
import { callAt, isUnreachable, placeOf } from './call.ts'
import type { Context } from './context.ts'
import type { SupervisorPlace } from './find-supervisor.ts'
import { failureText } from './outcome-text.ts'
import type { Pointer } from './pointer.ts'
import { progressView } from './progress-view.ts'

type DownAnswer = OperationOutcome & { readonly process: ProcessIdentity | null }

export async function down(context: Context): Promise<number> {
  const place = placeOf(context)
  const identity = place.pointer ? identityOf(place.pointer) : null
  let answer: DownAnswer
  try {
    answer = await askDown(context, place)
  } catch (error) {
    if (place.pointer === null || !isUnreachable(error)) throw error
    return await downWithoutSocket(context, place.pointer, identity)
  }
  if (answer.process !== null) await awaitExit(answer.process)
  return tell(context, answer)
}

async function askDown(context: Context, place: SupervisorPlace): Promise<DownAnswer> {
  const { timeout } = context.command.options
  const view = progressView(context)
  try {
    const body = typeof timeout === 'number' ? { timeout: `${timeout}ms` } : {}
    const answer = await callAt(context, place, {
      method: 'POST',
      path: '/v1/down',
      body,
      onEvent(event, data) {
        if (event === 'progress') view.show(data as Parameters<typeof view.show>[0])
      },
    })
    if (answer.event !== null && answer.event !== 'done') throw new HoldfastError('HF_CONNECTION_LOST')
    return answer.body as DownAnswer
  } finally {
    view.close()
  }
}

/** Nobody answers at the socket: the supervisor is on its way out, has lost its socket, or is dead. */
async function downWithoutSocket(
  context: Context,
  pointer: Pointer,
  identity: ProcessIdentity | null,
): Promise<number> {
  const { command, out } = context
  const say = (text: string) => {
    if (!command.global.quiet && !command.global.json) out.write(`${text}\n`)
  }
  if (identity !== null && isAlive(identity)) {
    process.kill(identity.pid, 'SIGTERM')
    say(`the supervisor (pid ${identity.pid}) does not answer at its socket: asked it by signal`)
    await awaitExit(identity)
  }
  const { endLeftovers } = await import('./supervise.ts')
  const { ended, left } = await endLeftovers(pointer.runtimeDir, say)
  if (left.length > 0) throw new HoldfastError('HF_LEFT_RUNNING', { workers: left.join(', ') })
  rmSync(pointer.socket, { force: true })
  if (command.global.json) out.write(`${JSON.stringify({ ok: true, services: [], ended })}\n`)
  else if (ended > 0) say(`the supervisor was dead; ended ${ended} process(es) that it had left running`)
  else say('nothing to stop: the supervisor is not running')
  return 0
}

function identityOf({ pid, startTime }: Pointer): ProcessIdentity | null {
  return startTime === undefined ? null : { pid, startTime }
}

function tell({ command, out, err, paintErr }: Context, answer: DownAnswer): number {
  if (command.global.json) out.write(`${JSON.stringify(answer)}\n`)
  else {
    for (const service of answer.services) if (!service.ok) err.write(failureText(service, 'stop', paintErr))
    if (!command.global.quiet) out.write(`stopped ${answer.services.length} service(s) and the supervisor\n`)
  }
  return answer.ok ? 0 : 1
}
