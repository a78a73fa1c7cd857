// `logRotation` of a program's server.
import { setting } from '../setting.ts'
import { reportRefusal, type ValueType, wrongValue } from '../value-type.ts'
import { integer, withWords } from '../values/scalars.ts'
import { size, type WrittenSize } from '../values/size.ts'

const someBytes: ValueType<number, WrittenSize> = {
  ...size,
  read(raw, path, context) {
    const bytes = size.read(raw, path, context)
    if (bytes !== 0) return bytes
    reportRefusal(wrongValue('no line would have room', 'Write 1MB, or never.'), path, context)
    return undefined
  },
}

export const logRotationSettings = {
  maxSize: setting(withWords(someBytes, { never: Number.POSITIVE_INFINITY }), {
    default: '10MB',
    doc: 'A file is rotated before it would become larger. Or `never`.',
  }),
  keep: setting(integer({ min: 0, max: 1_000 }), { default: 5, doc: 'Rotated files kept: FILE.1 … FILE.5.' }),
} as const
