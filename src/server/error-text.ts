import type { Paint } from '../control/colours.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { type TypedCommand, typedHint } from './typed-command.ts'

export interface ErrorStyle {
  readonly paint: Paint
  readonly typed: TypedCommand
  readonly json: boolean
}

/** `holdfast: sentence`, then the hint. A bug in Holdfast shows its stack. */
export function errorText(error: unknown, { paint, typed, json }: ErrorStyle): string {
  const known = error instanceof HoldfastError ? error : internal(error)
  const { code, message } = known
  const hint = typedHint(known.hint, typed)
  if (json) return `${JSON.stringify({ code, message, hint })}\n`
  const stack = known === error ? '' : `${(error as Error)?.stack ?? ''}\n`
  return `${paint('red', 'holdfast:')} ${message}\n${stack}${hint === '' ? '' : `  ${hint}\n`}`
}

function internal(error: unknown): HoldfastError {
  return new HoldfastError(
    'HF_INTERNAL',
    { problem: error instanceof Error ? error.message : String(error) },
    { cause: error },
  )
}
