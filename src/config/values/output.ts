import { resolve } from 'node:path'
import { nearestName } from '../did-you-mean.ts'
import type { OutputSpec } from '../effective.ts'
import { Refusal, scalar, type ValueType, wrongValue } from '../value-type.ts'
import { shorten } from '../written-scalar.ts'
import { checkName } from './names.ts'
import { readText } from './scalars.ts'

const WORDS = ['log', 'ignore', 'inherit'] as const

/** `log`, `ignore`, `inherit` or `file:PATH`. */
export const output: ValueType<OutputSpec, string> = scalar(
  '`log`, `ignore`, `inherit` or `file:PATH`',
  { anyOf: [{ enum: WORDS }, { type: 'string', pattern: '^file:.+|\\$\\{' }] },
  (raw, { directory }) => {
    const text = readText(raw, 'log, ignore, inherit or file:PATH')
    if (text instanceof Refusal) return text
    const word = WORDS.find((known) => known === text)
    if (word !== undefined) return word
    const path = text.startsWith('file:') ? text.slice('file:'.length) : ''
    if (path !== '') return { file: resolve(directory, path) }
    const near = nearestName(text, WORDS)
    return wrongValue(
      `"${shorten(text)}" is not a place for output`,
      near === null ? 'Write log, ignore, inherit or file:PATH.' : `Did you mean "${near}"?`,
    )
  },
)

/** `socket:NAME` or `commands`. */
export const standardInput: ValueType<'commands' | { readonly socket: string }, string> = scalar(
  '`socket:NAME` or `commands`',
  { type: 'string', pattern: '^commands$|^socket:.+|\\$\\{' },
  (raw) => {
    const text = readText(raw, 'socket:NAME or commands')
    if (text instanceof Refusal) return text
    if (text === 'commands') return text
    if (!text.startsWith('socket:'))
      return wrongValue(`"${shorten(text)}" can not be stdin`, 'Write socket:NAME or commands, or leave it out.')
    const name = text.slice('socket:'.length)
    return checkName(name, 'socket') ?? { socket: name }
  },
)
