// The door of the configuration: everything the command line needs to read, check and show one. A bundle of its own, because
// the parser is large and the quick commands need none of it.
import { realpath } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type AssembleOptions, assemble } from './assemble.ts'
import type { ConfigFile } from './config-file.ts'
import type { SupervisorSpec } from './effective.ts'
import { Findings } from './findings.ts'
import { gatherFiles, gatherFrom } from './gather.ts'
import type { Problem } from './problem.ts'
import { computedFile } from './source-file.ts'
import { inFileOrder, rememberPlaces } from './spec-places.ts'
import type { Environment } from './substitute.ts'

export { checkHost, checkServices } from './check-host.ts'
export { effectiveConfig, effectiveYaml } from './effective-json.ts'
export { formatProblems } from './format-problems.ts'
export { jsonSchema } from './json-schema.ts'
export type { Problem } from './problem.ts'
export { programProblems, readLogRotation } from './program-options.ts'

export type LoadResult =
  | { readonly ok: true; readonly spec: SupervisorSpec; readonly warnings: readonly Problem[] }
  | {
      readonly ok: false
      readonly problems: readonly Problem[]
      /** What could be read, to look up what it needs of the machine; never to be run. null: too little. */
      readonly partial: SupervisorSpec | null
    }

export interface LoadOptions {
  /** Milliseconds that a config module may take. Default 30 s. */
  readonly moduleTimeout?: number
  /** For `instances: cpus`. Default: those this process may use. */
  readonly cpus?: number
  /** For the default of `runtimeDir`. Default: that of this process. */
  readonly uid?: number
}

/** Reads, checks and completes a config. Never throws for what stands in it: everything that is wrong is in `problems`. */
export async function loadConfig(
  file: string,
  environment: Environment,
  options: LoadOptions = {},
): Promise<LoadResult> {
  const given = resolve(file)
  const configFile = await realpath(given).catch(() => given)
  const directory = dirname(configFile)
  const findings = new Findings()
  const { moduleTimeout = 30_000, cpus = availableParallelism(), uid = process.getuid?.() ?? 0 } = options
  const files = await gatherFiles(configFile, { environment, moduleTimeout, directory, cpus }, findings)
  return conclude(files, { configFile, directory, environment, uid }, findings)
}

/** A program's own config: the same keys and rules, as an object. Relative paths are relative to `directory`. */
export async function loadConfigObject(
  config: unknown,
  directory: string,
  environment: Environment,
  options: LoadOptions = {},
): Promise<LoadResult> {
  const findings = new Findings()
  const { moduleTimeout = 30_000, cpus = availableParallelism(), uid = process.getuid?.() ?? 0 } = options
  const main = computedFile(join(directory, 'config'), config)
  const files = await gatherFrom(main, { environment, moduleTimeout, directory, cpus }, findings)
  return conclude(files, { configFile: null, directory, environment, uid }, findings)
}

function conclude(files: readonly ConfigFile[], options: AssembleOptions, findings: Findings): LoadResult {
  const sources = files.map(({ source }) => source)
  const [main, ...included] = files
  if (main === undefined) return { ok: false, problems: findings.errors(sources), partial: null }
  const spec = assemble([main, ...included], options, findings)
  rememberPlaces(spec, sources, findings)
  if (!findings.hasErrors) return { ok: true, spec, warnings: findings.warnings(sources) }
  return { ok: false, problems: findings.errors(sources), partial: main.isReadable ? spec : null }
}

/**
 * Everything that is wrong: with the config, and, for the parts of it that are sound, with what `look` finds (`checkHost`,
 * `checkServices`). In the order of the files, top to bottom.
 */
export function allProblems(
  result: LoadResult,
  look: (spec: SupervisorSpec) => readonly Problem[] = () => [],
): readonly Problem[] {
  const problems = result.ok ? [] : result.problems
  const spec = result.ok ? result.spec : result.partial
  return spec === null ? problems : inFileOrder(spec, [...problems, ...look(spec)])
}
