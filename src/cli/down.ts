// `down`: through the supervisor; if that is dead, what it left running is ended.
import { printableCount } from '../control/human-units.ts'
import type { ProcessIdentity } from '../os/process-identity.ts'
import { awaitDeath, GOES_ON } from '../server/await-exit.ts'
import type { SupervisorPlace } from '../server/find-supervisor.ts'
import { failureText } from '../server/outcome-text.ts'
import type { OperationOutcome, ServiceOutcome } from '../supervisor/engine-api.ts'
import { isUnreachable, placeOf } from './call.ts'
import type { Context } from './context.ts'
import { callWithProgress } from './operate.ts'

type DownAnswer = OperationOutcome & { readonly process: ProcessIdentity | null }

/** Over --timeout, in which the supervisor kills what is left, looks for strays, and gives a hanging disk its time. */
const GRACE = 30_000

export async function down(context: Context): Promise<number> {
  const place = placeOf(context)
  let answer: DownAnswer
  try {
    answer = await askDown(context, place)
  } catch (error) {
    if (place.pointer === null || !isUnreachable(error)) throw error
    const { downWithoutSocket } = await import('./supervise.ts')
    return await downWithoutSocket(context, place.pointer)
  }
  if (answer.process !== null) await awaitDeath(answer.process)
  return tell(context, answer)
}

async function askDown(context: Context, place: SupervisorPlace): Promise<DownAnswer> {
  const { timeout } = context.command.options
  const body = typeof timeout === 'number' ? { timeout: `${timeout}ms` } : {}
  const waiting = { timeout: typeof timeout === 'number' ? timeout + GRACE : null, goesOn: GOES_ON }
  return (await callWithProgress(context, { path: '/v1/down', body, place, waiting })) as DownAnswer
}

function tell({ command, out, err, paintErr, typed }: Context, answer: DownAnswer): number {
  const { services, ok } = answer
  if (command.global.json) out.write(`${JSON.stringify(answer)}\n`)
  else {
    for (const service of services)
      if (!service.ok) err.write(failureText(service, 'stop', paintErr, isReal(service) ? typed : null))
    if (!ok) err.write('the supervisor has ended, but not everything could be stopped\n')
    else if (!command.global.quiet)
      out.write(`stopped ${printableCount(services.length, 'service')} and the supervisor\n`)
  }
  return ok ? 0 : 1
}

/** The others stand for what the supervisor found beyond its services. */
function isReal({ service }: ServiceOutcome): boolean {
  return service !== 'descendants' && service !== 'supervisor'
}
