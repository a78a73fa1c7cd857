// What the server of a program is found by, and the files that are its: whoever looks at a server, or stops it, need not have
// mended the rest of its options.
import { type OptionProblem, problemOf } from './problem.ts'
import type { Issue, ReadContext, ValueType } from './value-type.ts'
import { nameOf } from './values/names.ts'
import { nullable, path } from './values/scalars.ts'
import { describeValue, isObject } from './written-scalar.ts'

export const serverName = nameOf('server', ['all', 'by-config'])

const PLACE: readonly (readonly [path: readonly string[], type: ValueType<unknown>])[] = [
  [['name'], serverName],
  [['runtimeDir'], path],
  [['logDir'], path],
  [['stateDir'], path],
  [['pidFile'], path],
  [['control', 'socket'], path],
  [['slots', 'stopFile'], nullable(path)],
  [['upgrade', 'file'], path],
  [['serverProcess', 'stop', 'file'], nullable(path)],
]

/** @param directory of the program */
export function placeProblems(options: unknown, directory: string): readonly OptionProblem[] {
  if (!isObject(options)) {
    const message = `defineServer takes an object of options, not ${describeValue(options)}`
    return [{ path: '', message, hint: "Write defineServer({ name: 'shop', worker: { … } })." }]
  }
  const issues: Issue[] = []
  const context: ReadContext = {
    directory,
    cpus: 1,
    report: (issue) => void issues.push(issue),
    adviseUnknownKey: () => ({ mend: 'nothing here has keys (bug)' }),
    isTopKey: () => false,
  }
  for (const [at, type] of PLACE) {
    const value = at.reduce<unknown>((below, key) => (isObject(below) ? below[key] : undefined), options)
    if (value !== undefined) type.read(value, at, context)
  }
  const name = 'Its sockets, logs and processes are known by it.'
  return [
    ...(options.name === undefined ? [{ path: 'name', message: 'it is missing', hint: name }] : []),
    ...issues.map((issue) => problemOf('', issue.path, issue, null)),
  ]
}
