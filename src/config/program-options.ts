// The options of a program's server before they become a config: names that do not exist, values of a wrong kind.
import { type OptionProblem, type Problem, problemOf } from './problem.ts'
import { placeProblems } from './program-place.ts'
import { readTable, withDefaults } from './read-table.ts'
import type { Complete, Sparse } from './setting.ts'
import { logRotationSettings } from './settings/log-rotation.ts'
import { elsewhere, ownSettings, programSettings } from './settings/program.ts'
import { adviseUnknownOption } from './unknown-key.ts'
import { type Issue, type ReadContext, wrongType } from './value-type.ts'
import { isObject } from './written-scalar.ts'

/** Keys of the config file that a server has no use for. */
const NOT_HERE: Readonly<Record<string, string>> = {
  instances: 'Write workers.',
  autostart: 'A server starts its workers.',
  dependsOn: 'A server has one kind of workers. Several, that wait for each other: services of a holdfast.yaml.',
  services: 'A server has one kind of workers. For several write a holdfast.yaml.',
  defaults: 'Write its keys beside the name.',
  entry: 'What a forked worker runs is `worker`.',
  forkservers: "Write workerType: 'fork'.",
  include: 'An option is what your program says.',
  locks: 'slots makes its own.',
  $schema: 'It is for config files.',
}

/** The values of keys that are those of the config file are left to whoever reads that. */
export function programProblems(options: unknown, directory: string): readonly OptionProblem[] {
  const place = placeProblems(options, directory)
  if (!isObject(options)) return place
  const isHere = ([key, value]: readonly [string, unknown]): boolean =>
    !Object.hasOwn(NOT_HERE, key) || value === undefined
  const given = Object.entries(options)
  const own = readOwn(Object.fromEntries(given.filter(isHere)), directory)
  return [
    ...place,
    ...given
      .filter((entry) => !isHere(entry))
      .map(([key]) => ({ path: key, message: 'a server has no such option', hint: NOT_HERE[key] ?? '' })),
    ...own.problems.filter(({ path }) => !place.some((one) => one.path === path)),
  ]
}

/** @param given what the options, or `config`, say of it */
export function readLogRotation(given: unknown): {
  readonly rotation: Complete<typeof logRotationSettings>
  readonly problems: readonly OptionProblem[]
} {
  const { values, problems } = readOwn({ logRotation: given }, '/')
  return { rotation: withDefaults(logRotationSettings, values.logRotation ?? {}), problems }
}

function readOwn(
  options: Readonly<Record<string, unknown>>,
  directory: string,
): { values: Sparse<typeof ownSettings>; problems: readonly Problem[] } {
  const issues: Issue[] = []
  const context: ReadContext = {
    directory,
    cpus: 1,
    report: (issue) => void issues.push(issue),
    adviseUnknownKey: (path, raw, table) => adviseUnknownOption(path, raw, path.length === 1 ? programSettings : table),
    isTopKey: () => false,
  }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const read = given.filter(([key, value]) => (isOwn(key) ? value !== null : !Object.hasOwn(programSettings, key)))
  const values = readTable(ownSettings, Object.fromEntries(read), [], context)
  // In a file, a key with nothing after it is an empty object; in a program, null is a slip.
  for (const [key, value] of given) {
    const setting = isOwn(key) ? ownSettings[key] : key === 'sockets' || key === 'control' ? programSettings[key] : null
    if (value !== null || setting === null || setting.type === elsewhere) continue
    const name = key === 'sockets' ? 'object' : setting.type.name
    const { code, detail } = wrongType(name === 'object' ? 'an object' : name, null, '')
    issues.push({ code, detail, path: [key], at: 'value' })
  }
  return { values, problems: issues.map((issue) => problemOf('', issue.path, issue, null)) }
}

function isOwn(key: string): key is keyof typeof ownSettings {
  return Object.hasOwn(ownSettings, key)
}
