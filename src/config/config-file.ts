// What one file says, read by the settings tables.
import type { Findings } from './findings.ts'
import { problemOf } from './problem.ts'
import { readTable } from './read-table.ts'
import type { Sparse } from './setting.ts'
import { includedSettings, supervisorSettings } from './settings/supervisor.ts'
import type { SourceFile } from './source-file.ts'
import { type Environment, substitute } from './substitute.ts'
import { adviseUnknownKey, isTopKey } from './unknown-key.ts'
import { type ReadContext, reportRefusal, wrongType } from './value-type.ts'
import { isObject, plainValue } from './written-scalar.ts'

export type FileSettings = Sparse<typeof supervisorSettings>

/** A file, what it says, and the files that include it, outermost first. */
export interface ConfigFile {
  readonly source: SourceFile
  /** Its text is an object; single values may be refused all the same. */
  readonly isReadable: boolean
  readonly settings: FileSettings
  readonly includedBy: readonly ConfigFile[]
}

export interface ReadSettingsOptions {
  readonly environment: Environment
  readonly directory: string
  readonly cpus: number
}

/** Everything that is wrong in it goes to `findings`. */
export function readSettings(
  source: SourceFile,
  isIncluded: boolean,
  options: ReadSettingsOptions,
  findings: Findings,
): Pick<ConfigFile, 'settings' | 'isReadable'> {
  const report = findings.reporter(source)
  for (const { range, path, code, detail } of source.faults)
    findings.add(problemOf(source.file, path, { code, detail }, source.spotOf(range)))
  // What a broken text seems to say would only be more errors.
  if (source.faults.some(({ code }) => code === 'HF_CONFIG_SYNTAX')) return UNREADABLE
  const context: ReadContext = { directory: options.directory, cpus: options.cpus, report, adviseUnknownKey, isTopKey }
  const tree = source.mayHaveVariables ? substitute(source.tree, options.environment, report) : source.tree
  if (plainValue(tree) === null) return { settings: {}, isReadable: true }
  if (!isObject(tree)) {
    reportRefusal(wrongType('an object with `services`', tree, FIRST_CONFIG), [], context)
    return UNREADABLE
  }
  const entries = Object.entries(tree).filter(
    ([key]) => !key.startsWith('x-') && !(isIncluded && refuseInIncluded(key, context)),
  )
  return { settings: readTable(supervisorSettings, Object.fromEntries(entries), [], context), isReadable: true }
}

const UNREADABLE = { settings: {}, isReadable: false } as const

const FIRST_CONFIG = 'Begin with services: { web: { command: node server.js } }.'

function refuseInIncluded(key: string, context: ReadContext): boolean {
  if (!Object.hasOwn(supervisorSettings, key) || Object.hasOwn(includedSettings, key)) return false
  const detail = { problem: `"${key}" can not stand in an included file`, mend: 'Put it into the main config file.' }
  context.report({ code: 'HF_CONFIG_CONFLICT', path: [key], at: 'key', detail })
  return true
}
