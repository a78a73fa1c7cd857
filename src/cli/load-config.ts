// Reading the config for the verbs that need its contents. The loader is a bundle of its own.
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isColoured } from './colours.ts'
import type { Context } from './context.ts'
import { configFileOf } from './find-supervisor.ts'

/** @throws HoldfastError HF_CONFIG_NOT_FOUND; HF_CONFIG_INVALID, after all problems are written to stderr */
export async function loadOrExplain(context: Context, environment = context.environment): Promise<SupervisorSpec> {
  const { err, command, paintErr } = context
  const file = namedConfig(context)
  const { loadConfig, formatProblems } = await import('../config/load.ts')
  const result = await loadConfig(file, environment, { uid: context.uid })
  const problems = result.ok ? result.warnings : result.problems
  const color = isColoured(paintErr)
  if (problems.length > 0 && !command.global.quiet) err.write(`${formatProblems(problems, { color })}\n`)
  if (result.ok) return result.spec
  throw new HoldfastError('HF_CONFIG_INVALID', { count: result.problems.length, file })
}

/** @throws HoldfastError HF_CONFIG_NOT_FOUND */
export function namedConfig(context: Context): string {
  const file = configFileOf(context.command.global.config, context)
  if (file !== null) return file
  throw new HoldfastError('HF_CONFIG_NOT_FOUND', { where: ` in ${context.cwd} or /etc/holdfast` })
}
