import type { Colour, Paint } from '../control/colours.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ApplyChange, ApplyReport } from '../supervisor/engine-api.ts'
import type { Context } from './context.ts'
import { callWithProgress, tellOutcome } from './operate.ts'

/** Seconds: the supervisor reads the config first, which may be a module that takes its time, and is cut off after 60 s. */
const READING = 75

/** The supervisor reads its config again and converges to it, or (--dry-run) tells what that would do. */
export async function apply(context: Context): Promise<number> {
  const { command, out, err, paint } = context
  const dryRun = command.options['dry-run'] === true
  const body = { dryRun, replace: command.options.replace === true }
  const report = (await askApply(context, body)) as ApplyReport
  if (command.global.json) {
    out.write(`${JSON.stringify(report)}\n`)
    return report.outcome && !report.outcome.ok ? 1 : 0
  }
  if (!command.global.quiet) out.write(reportText(report, dryRun, paint))
  for (const note of report.notes) err.write(`note: ${note}\n`)
  return report.outcome ? tellOutcome(context, report.outcome) : 0
}

async function askApply(context: Context, body: object): Promise<unknown> {
  try {
    return await callWithProgress(context, { path: '/v1/apply', body, answerWithin: READING })
  } catch (error) {
    // What is wrong with the config, as `check` would show it.
    const problems = error instanceof HoldfastError ? error.detail.problems : undefined
    if (typeof problems === 'string' && !context.command.global.json) context.err.write(`${problems}\n`)
    throw error
  }
}

const SIGNS: Readonly<Record<ApplyChange['change'], readonly [string, Colour]>> = {
  added: ['+', 'green'],
  removed: ['-', 'red'],
  changed: ['~', 'yellow'],
  unchanged: [' ', 'dim'],
}

/** A line per change; what stays as it is only counts. */
export function reportText({ changes, sockets }: ApplyReport, dryRun: boolean, paint: Paint): string {
  const touched = changes.filter(({ change }) => change !== 'unchanged')
  const lines = [
    ...sockets.map(({ name, change }) => `${mark(change, paint)} socket ${name}: ${change}`),
    ...touched.map(({ service, change, keys, effect }) => {
      const which = keys.length > 0 ? ` (${keys.join(', ')})` : ''
      return `${mark(change, paint)} ${service}: ${change}${which}: ${effect}`
    }),
  ]
  const rest = changes.length - touched.length
  if (lines.length === 0) lines.push('nothing has changed')
  else if (rest > 0) lines.push(`  ${rest} unchanged`)
  if (dryRun && touched.length + sockets.length > 0) lines.push('dry run: nothing was done')
  return lines.map((line) => `${line}\n`).join('')
}

function mark(change: ApplyChange['change'], paint: Paint): string {
  const [sign, colour] = SIGNS[change]
  return paint(colour, sign)
}
