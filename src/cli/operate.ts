// start, stop, restart, reload, scale, signal: ask, show progress, tell how each service came out.

import { humanDuration } from '../control/human-units.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { OperationOutcome, OperationVerb, Progress } from '../supervisor/engine-api.ts'
import { call } from './call.ts'
import type { Context } from './context.ts'
import { failureText, outcomeText } from './outcome-text.ts'
import { type ProgressView, progressView } from './progress-view.ts'
import { targetPath } from './request-path.ts'

export async function operate(context: Context): Promise<number> {
  const { command } = context
  const { targets, body } = requestOf(context)
  const path = `/v1/targets/${targetPath(targets)}/${command.verb.name}`
  if (command.options['no-wait']) {
    await call(context, { method: 'POST', path, body: { ...body, wait: false } })
    if (!command.global.quiet && !command.global.json) context.out.write('accepted; look with: holdfast status\n')
    else if (command.global.json) context.out.write(`${JSON.stringify({ accepted: true })}\n`)
    return 0
  }
  const outcome = (await callWithProgress(context, path, body)) as OperationOutcome
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

/** Resolves to the data of `done`. @throws HoldfastError also HF_TIMED_OUT, by --timeout */
export async function callWithProgress(context: Context, path: string, body: unknown): Promise<unknown> {
  const { command } = context
  const view = progressView(context)
  const timeout = command.options.timeout
  const limit = typeof timeout === 'number' ? timeLimit(timeout) : null
  try {
    return await awaitDone(context, path, body, view, limit?.signal)
  } finally {
    limit?.cancel()
    view.close()
  }
}

async function awaitDone(
  context: Context,
  path: string,
  body: unknown,
  view: ProgressView,
  signal?: AbortSignal,
): Promise<unknown> {
  const answer = await call(context, {
    method: 'POST',
    path,
    body,
    onEvent(event, data) {
      if (event === 'progress') view.show(data as Progress)
    },
    ...(signal ? { signal } : {}),
  })
  // A stream that ends without its last event was cut off: the supervisor died.
  if (answer.event !== null && answer.event !== 'done') throw new HoldfastError('HF_CONNECTION_LOST')
  return answer.body
}

function timeLimit(millis: number): { signal: AbortSignal; cancel(): void } {
  const controller = new AbortController()
  const expire = () => controller.abort(new HoldfastError('HF_TIMED_OUT', { timeout: humanDuration(millis) }))
  const timer = setTimeout(expire, millis)
  return { signal: controller.signal, cancel: () => clearTimeout(timer) }
}

export function tellOutcome({ command, out, err, paint, paintErr }: Context, outcome: OperationOutcome): number {
  if (command.global.json) {
    out.write(`${JSON.stringify(outcome)}\n`)
    return outcome.ok ? 0 : 1
  }
  for (const service of outcome.services) {
    if (!service.ok) err.write(failureText(service, command.verb.name, paintErr))
    else if (!command.global.quiet) out.write(outcomeText(service, paint))
  }
  if (!outcome.ok && outcome.services.every((service) => service.ok)) err.write(`${command.verb.name} failed\n`)
  return outcome.ok ? 0 : 1
}
