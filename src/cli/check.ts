import type { Problem } from '../config/load.ts'
import { isColoured } from '../control/colours.ts'
import { printableCount } from '../control/human-units.ts'
import type { Context } from './context.ts'
import { namedConfig } from './load-config.ts'

/** Every problem of the file and of this machine; exit code 2 if one of them is an error. */
export async function check(context: Context): Promise<number> {
  const { command, out, environment, uid, paint } = context
  const file = namedConfig(context)
  const { checkHost, formatProblems, loadConfig } = await import('../config/load.ts')
  const result = await loadConfig(file, environment, { uid })
  const errors: Problem[] = result.ok ? [] : [...result.problems]
  const warnings = result.ok ? result.warnings : []
  if (result.ok && !command.options['no-host']) errors.push(...checkHost(result.spec, { environment }))
  if (command.global.json) {
    out.write(`${JSON.stringify({ ok: errors.length === 0, file, errors, warnings })}\n`)
    return errors.length > 0 ? 2 : 0
  }
  const problems = [...errors, ...warnings]
  if (problems.length > 0) out.write(`${formatProblems(problems, { color: isColoured(paint) })}\n`)
  if (errors.length > 0) out.write(`${printableCount(errors.length, 'error')} in ${file}\n`)
  else if (result.ok && !command.global.quiet) {
    const { services, sockets } = result.spec
    const parts = [
      printableCount(Object.keys(services).length, 'service'),
      printableCount(Object.keys(sockets).length, 'socket'),
    ]
    out.write(`${file}: ok (${parts.join(', ')})\n`)
  }
  return errors.length > 0 ? 2 : 0
}
