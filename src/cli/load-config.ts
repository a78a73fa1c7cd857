// Reading the config for the verbs that need its contents. The loader is a bundle of its own.
import type { SupervisorSpec } from '../config/effective.ts'
import type { LoadResult, Problem } from '../config/load.ts'
import { isColoured } from '../control/colours.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { configFileOf } from '../server/find-supervisor.ts'
import { refuseSecond } from '../server/refuse-second.ts'
import type { Context } from './context.ts'

/**
 * A config that is to run here: that it runs already, and a command or a user that is missing on this machine, are errors as
 * well, before anything is made or started.
 * @throws HoldfastError HF_CONFIG_NOT_FOUND, HF_ALREADY_RUNNING; HF_CONFIG_INVALID, after all problems are written to stderr
 */
export async function loadToRun(context: Context, environment = context.environment): Promise<SupervisorSpec> {
  const result = await load(context, environment)
  if (result.ok) refuseSecond(result.spec.configFile, { environment, uid: context.uid })
  const { checkServices } = await import('../config/load.ts')
  return specOrExplain(context, result, (spec) => checkServices(spec, environment))
}

/** @throws HoldfastError HF_CONFIG_NOT_FOUND; HF_CONFIG_INVALID, after all problems are written to stderr */
export async function loadOrExplain(context: Context, environment = context.environment): Promise<SupervisorSpec> {
  return specOrExplain(context, await load(context, environment))
}

async function load(context: Context, environment: Context['environment']): Promise<LoadResult> {
  const { loadConfig, formatProblems } = await import('../config/load.ts')
  const result = await loadConfig(namedConfig(context), environment, { uid: context.uid })
  const { err, command, paintErr } = context
  if (result.ok && result.warnings.length > 0 && !command.global.quiet)
    err.write(`${formatProblems(result.warnings, { color: isColoured(paintErr) })}\n`)
  return result
}

async function specOrExplain(
  context: Context,
  result: LoadResult,
  look?: (spec: SupervisorSpec) => readonly Problem[],
): Promise<SupervisorSpec> {
  const { allProblems } = await import('../config/load.ts')
  await explain(context, allProblems(result, look))
  if (!result.ok) throw new Error('a config without a spec has problems (bug)')
  return result.spec
}

async function explain(context: Context, problems: readonly Problem[]): Promise<void> {
  if (problems.length === 0) return
  const { err, command, paintErr } = context
  const { formatProblems } = await import('../config/load.ts')
  if (!command.global.json) err.write(`${formatProblems(problems, { color: isColoured(paintErr) })}\n`)
  throw new HoldfastError('HF_CONFIG_INVALID', { count: problems.length, file: namedConfig(context) })
}

/** @throws HoldfastError HF_CONFIG_NOT_FOUND */
export function namedConfig(context: Context): string {
  const file = configFileOf(context.command.global.config, context)
  if (file !== null) return file
  throw new HoldfastError('HF_CONFIG_NOT_FOUND', { where: ` in ${context.cwd} or /etc/holdfast` })
}
