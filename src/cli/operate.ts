// start, stop, restart, reload, scale, signal: ask, show progress, tell how each service came out.

import { HoldfastError } from '../errors/holdfast-error.ts'
import type { SupervisorPlace } from '../server/find-supervisor.ts'
import { failureText, outcomeText } from '../server/outcome-text.ts'
import { type Waiting, type WaitingOptions, waitFor } from '../server/waiting.ts'
import type { OperationOutcome, OperationVerb, Progress } from '../supervisor/engine-api.ts'
import { call, callAt, placeOf } from './call.ts'
import type { Context } from './context.ts'
import { type ProgressView, progressView } from './progress-view.ts'
import { targetPath } from './request-path.ts'

export async function operate(context: Context): Promise<number> {
  const { command } = context
  const { targets, body } = requestOf(context)
  const path = `/v1/targets/${targetPath(targets)}/${command.verb.name}`
  if (command.options['no-wait']) {
    await call(context, { method: 'POST', path, body: { ...body, wait: false } })
    if (!command.global.quiet && !command.global.json)
      context.out.write(`begun; not waiting for the end. Look with: ${context.typed('status')}\n`)
    else if (command.global.json) context.out.write(`${JSON.stringify({ accepted: true })}\n`)
    return 0
  }
  const outcome = (await callWithProgress(context, { path, body })) as OperationOutcome
  return tellOutcome(context, outcome)
}

function requestOf({ command }: Context): { targets: readonly string[]; body: Record<string, unknown> } {
  const { arguments: given, options } = command
  switch (command.verb.name as OperationVerb) {
    case 'scale':
      return { targets: given.slice(0, 1), body: { count: countOf(given[1] ?? '') } }
    case 'signal':
      return { targets: given.slice(1), body: { signal: given[0], group: options.group === true } }
    case 'stop':
      return { targets: given, body: { withDependents: options['with-dependents'] === true } }
    case 'restart':
      return { targets: given, body: { cold: options.cold === true, replace: options.replace === true } }
    default:
      return { targets: given, body: {} }
  }
}

function countOf(text: string): string {
  if (/^[+-]?\d{1,6}$/.test(text)) return text
  throw new HoldfastError('HF_USAGE', { problem: `"${text}" is not a number of workers: N, +N or -N`, verb: ' scale' })
}

export interface OperationCall {
  readonly path: string
  readonly body: unknown
  /** Seconds until the supervisor has begun with it. */
  readonly answerWithin?: number
  readonly place?: SupervisorPlace
  readonly waiting?: Partial<WaitingOptions>
}

/** Resolves to the data of `done`. @throws HoldfastError also HF_TIMED_OUT, by --timeout, and HF_INTERRUPTED */
export async function callWithProgress(context: Context, operation: OperationCall): Promise<unknown> {
  const { place = placeOf(context) } = operation
  const { timeout } = context.command.options
  const waiting = waitFor({
    timeout: typeof timeout === 'number' ? timeout : null,
    pid: place.pointer?.pid ?? null,
    ...operation.waiting,
  })
  const view = progressView(context)
  try {
    return await awaitDone(place, operation, view, waiting)
  } finally {
    waiting.end()
    view.close()
  }
}

async function awaitDone(
  place: SupervisorPlace,
  { path, body, answerWithin }: OperationCall,
  view: ProgressView,
  waiting: Waiting,
): Promise<unknown> {
  const answer = await callAt(place, {
    method: 'POST',
    path,
    body,
    onEvent(event, data) {
      if (event === 'progress') view.show(data as Progress)
    },
    onAccepted: () => waiting.accepted(),
    signal: waiting.signal,
    ...(answerWithin === undefined ? {} : { answerWithin }),
  })
  // A stream that ends without its last event was cut off: the supervisor died.
  if (answer.event !== null && answer.event !== 'done') throw new HoldfastError('HF_CONNECTION_LOST')
  return answer.body
}

export function tellOutcome({ command, out, err, paint, paintErr, typed }: Context, outcome: OperationOutcome): number {
  if (command.global.json) {
    out.write(`${JSON.stringify(outcome)}\n`)
    return outcome.ok ? 0 : 1
  }
  for (const service of outcome.services) {
    if (!service.ok) err.write(failureText(service, command.verb.name, paintErr, typed))
    else if (!command.global.quiet) out.write(outcomeText(service, paint))
  }
  if (!outcome.ok && outcome.services.every((service) => service.ok)) err.write(`${command.verb.name} failed\n`)
  return outcome.ok ? 0 : 1
}
