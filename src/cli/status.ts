import type { ServiceReport, StatusReport } from '../supervisor/status-report.ts'
import { call, PROMPT } from './call.ts'
import type { Context } from './context.ts'
import { queryString } from './request-path.ts'
import { statusText } from './status-text.ts'
import { watchStatus } from './watch-status.ts'

/** Exit code 3 with targets of which one has no ready worker. */
const NOT_READY = 3

export async function status(context: Context): Promise<number> {
  const { command, out, paint } = context
  if (command.options.watch) return watchStatus(context, askStatus)
  const report = await askStatus(context)
  const width = out.isTty ? out.columns : null
  if (command.global.json) out.write(`${JSON.stringify(report)}\n`)
  else if (!command.global.quiet) out.write(statusText(report, { paint, width, now: Date.now() }))
  return command.arguments.length > 0 && report.services.some(hasNoReadyWorker) ? NOT_READY : 0
}

export async function askStatus(context: Context): Promise<StatusReport> {
  const { arguments: targets, options } = context.command
  const brief = !context.command.global.json && options.memory !== true
  const path = `/v1/status${queryString({ target: targets, memory: options.memory === true, brief })}`
  const { body } = await call(context, { method: 'GET', path, answerWithin: PROMPT })
  return body as StatusReport
}

/** Of a service that was asked for by worker, only those workers are in the report. */
function hasNoReadyWorker({ workers }: ServiceReport): boolean {
  return !workers.some((worker) => worker.ready)
}
