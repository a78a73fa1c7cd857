import type { Paint } from '../control/colours.ts'
import type { ServiceOutcome } from '../supervisor/engine-api.ts'
import type { TypedCommand } from './typed-command.ts'

export function outcomeText({ service, message }: ServiceOutcome, paint: Paint): string {
  return `${paint('green', service)}: ${message}\n`
}

/** What failed, at which step, why, and the worker's last words. @param typed null: there is no more to ask for */
export function failureText(
  outcome: ServiceOutcome,
  verb: string,
  paint: Paint,
  typed: TypedCommand | null = (words) => `holdfast ${words}`,
): string {
  const { service, message, step, reason, lastOutput = [] } = outcome
  const lines = [`${paint('red', service)}: ${verb} failed: ${message}`]
  if (step) lines.push(`  step:   ${step}`)
  if (reason && reason !== message) lines.push(`  reason: ${reason}`)
  if (lastOutput.length > 0) lines.push('  last output:', ...lastOutput.map((line) => `    ${line}`))
  if (typed) lines.push(`  ${paint('dim', `More: ${typed(`why ${service}`)}; ${typed(`logs ${service}`)}`)}`)
  return lines.map((line) => `${line}\n`).join('')
}
