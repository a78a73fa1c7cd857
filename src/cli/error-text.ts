import type { Paint } from '../control/colours.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'

/** `holdfast: sentence`, then the hint. A bug in Holdfast shows its stack. */
export function errorText(error: unknown, paint: Paint, json: boolean): string {
  const known = error instanceof HoldfastError ? error : internal(error)
  const { code, message, hint } = known
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
