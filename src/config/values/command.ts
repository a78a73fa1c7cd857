import { type ReadContext, reportRefusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { textOf } from '../written-scalar.ts'
import { listOf } from './collections.ts'
import { anyScalar, readText } from './scalars.ts'

export type WrittenCommand = string | readonly (string | number | boolean)[]

// What means something to a shell. A command without these is split at blanks and run without one: one process less, and
// the pid is the program's own.
const NEEDS_SHELL = /[|&;<>()$`\\"'*?[\]#~=%!{}\n]/

/** argv of a command text: split at blanks, or given to `/bin/sh -c` if it needs a shell. */
export function argvOf(text: string): readonly string[] {
  return NEEDS_SHELL.test(text) ? ['/bin/sh', '-c', text] : text.split(/[ \t]+/).filter((word) => word !== '')
}

const EMPTY = wrongValue('the command is empty', 'Name the program to run.')

const commandText: ValueType<readonly string[], string> = scalar('text', { type: 'string', minLength: 1 }, (raw) => {
  const text = readText(raw)
  return typeof text !== 'string' ? text : text.trim() === '' ? EMPTY : argvOf(text)
})

const commandList = listOf(anyScalar)

/** A list is run as it is; a text as `argvOf` says. */
export const command: ValueType<readonly string[], WrittenCommand> = {
  name: 'text or list',
  schema: { anyOf: [commandText.schema, { type: 'array', items: anyScalar.schema, minItems: 1 }] },
  read(raw, path, context) {
    if (Array.isArray(raw)) return readList(raw, path, context)
    if (textOf(raw) !== null) return commandText.read(raw, path, context)
    reportRefusal(
      wrongType(
        'a command (text or a list of arguments)',
        raw,
        'Write command: node server.js, or command: [node, server.js].',
      ),
      path,
      context,
    )
    return undefined
  },
}

function readList(raw: readonly unknown[], path: readonly (string | number)[], context: ReadContext) {
  const argv = commandList.read(raw, path, context)
  if (argv === undefined || argv.length !== raw.length) return undefined
  if (argv[0] !== undefined && argv[0] !== '') return argv
  reportRefusal(EMPTY, path, context)
  return undefined
}
