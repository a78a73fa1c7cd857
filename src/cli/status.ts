import { isColoured } from '../control/colours.ts'
import { notReadyIn } from '../control/not-ready.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { call, PROMPT } from './call.ts'
import type { Context } from './context.ts'
import { queryString } from './request-path.ts'

/** Exit code 3 with targets of which one has no ready worker. */
const NOT_READY = 3

export async function status(context: Context): Promise<number> {
  const { command, out } = context
  if (command.options.watch) {
    const { watchStatus } = await import('./supervise.ts')
    return watchStatus(context, { askReport: askStatus, askTable, call })
  }
  const { text, notReady } = command.global.json ? await askJson(context) : await askTable(context)
  if (command.global.json || !command.global.quiet) out.write(text)
  return command.arguments.length > 0 && notReady.length > 0 ? NOT_READY : 0
}

export interface StatusTable {
  readonly text: string
  /** Names of services without a ready worker; of one that was asked for by worker, only those workers count. */
  readonly notReady: readonly string[]
}

/** Drawn by the supervisor, which does it all day: a command that starts cold would take three times as long for 1,000 rows. */
export function askTable(context: Context): Promise<StatusTable> {
  const { out, paint } = context
  const width = out.isTty ? { width: out.columns } : {}
  return ask(context, { table: true, color: isColoured(paint), ...width })
}

export function askStatus(context: Context): Promise<StatusReport> {
  return ask(context, {})
}

async function askJson(context: Context): Promise<StatusTable> {
  const report = await askStatus(context)
  return { text: `${JSON.stringify(report)}\n`, notReady: notReadyIn(report) }
}

async function ask<Answer>(context: Context, how: Record<string, boolean | number>): Promise<Answer> {
  const { arguments: targets, options } = context.command
  const path = `/v1/status${queryString({ target: targets, memory: options.memory === true, ...how })}`
  const { body } = await call(context, { method: 'GET', path, answerWithin: PROMPT })
  return body as Answer
}
