import { writeFileSync } from 'node:fs'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { VERSION } from '../supervisor/version.ts'
import type { Context } from './context.ts'
import { namedConfig } from './load-config.ts'

/**
 * For a running supervisor: the effective config, or all that is wrong with it, as JSON in a file. In a process of its own,
 * so that the parser's memory does not stay in the supervisor.
 */
export async function evaluate(context: Context): Promise<number> {
  const [resultFile = ''] = context.command.arguments
  const file = namedConfig(context)
  const { allProblems, checkServices, formatProblems, loadConfig } = await import('../config/load.ts')
  const result = await loadConfig(file, context.environment, { uid: context.uid })
  const problems = allProblems(result, (spec) => checkServices(spec, context.environment))
  const answer =
    result.ok && problems.length === 0
      ? { version: VERSION, spec: result.spec }
      : { version: VERSION, error: invalid(file, problems.length, formatProblems(problems, { color: false })) }
  writeFileSync(resultFile, JSON.stringify(answer), { mode: 0o600 })
  return 0
}

function invalid(file: string, count: number, problems: string) {
  const { code, detail } = new HoldfastError('HF_CONFIG_INVALID', { count, file, problems })
  return { code, detail }
}
