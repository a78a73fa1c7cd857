import type { SupervisorSpec } from '../config/effective.ts'
import { isColoured } from '../control/colours.ts'
import { printableCount } from '../control/human-units.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { call } from './call.ts'
import type { Context } from './context.ts'
import { namedConfig } from './load-config.ts'

/** Every problem of the file and of this machine; exit code 2 if one of them is an error. */
export async function check(context: Context): Promise<number> {
  const { command, out, environment, uid, paint } = context
  const file = namedConfig(context)
  const { allProblems, checkHost, formatProblems, loadConfig } = await import('../config/load.ts')
  const result = await loadConfig(file, environment, { uid })
  const spec = result.ok ? result.spec : result.partial
  const ours = spec === null || command.options['no-host'] ? new Set<string>() : await socketsOfOurs(context, spec)
  const errors = allProblems(result, (read) =>
    command.options['no-host'] ? [] : checkHost(read, { environment, ours }),
  )
  const warnings = result.ok ? result.warnings : []
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

/** Seconds. */
const SOON = 2

/** Those that the running supervisor of this config listens on: they are not free because they are its own. */
async function socketsOfOurs(context: Context, spec: SupervisorSpec): Promise<ReadonlySet<string>> {
  const report = await call(context, { method: 'GET', path: '/v1/status', answerWithin: SOON }).catch(() => null)
  const listening = new Set((report?.body as StatusReport | undefined)?.sockets.map(({ listen }) => listen))
  if (listening.size === 0) return listening
  const { effectiveConfig } = await import('../config/load.ts')
  const { sockets } = effectiveConfig(spec) as { sockets: Record<string, { listen: string }> }
  return new Set(Object.keys(sockets).filter((name) => listening.has(sockets[name]?.listen ?? '')))
}
