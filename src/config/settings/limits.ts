// Resource limits, named as prlimit(1) names them.
import type { LimitSpec } from '../effective.ts'
import { type SettingTable, setting } from '../setting.ts'
import {
  type Path,
  type ReadContext,
  reportRefusal,
  scalar,
  type ValueType,
  wrongType,
  wrongValue,
} from '../value-type.ts'
import { objectOf } from '../values/collections.ts'
import { duration } from '../values/duration.ts'
import { integer, withWords } from '../values/scalars.ts'
import { size } from '../values/size.ts'
import { isObject } from '../written-scalar.ts'

const unlimited = { unlimited: null } as const
type LimitInput = string | number | { readonly soft: string | number; readonly hard: string | number }

/** A number for both limits, `unlimited`, or `{ soft, hard }`. */
function limitOf(amount: ValueType<number, string | number>): ValueType<LimitSpec, LimitInput> {
  const one = withWords(amount, unlimited)
  const both = objectOf({
    soft: setting(one, { required: true, doc: 'The limit that is in force.' }),
    hard: setting(one, { required: true, doc: 'How far the process may raise it.' }),
  })
  return {
    name: `${amount.name}, \`unlimited\` or { soft, hard }`,
    get schema() {
      return { anyOf: [one.schema, both.schema] }
    },
    read(raw, path, context) {
      if (!isObject(raw)) {
        const limit = one.read(raw, path, context)
        return limit === undefined ? undefined : { soft: limit, hard: limit }
      }
      const given = both.read(raw, path, context)
      if (given?.soft === undefined || given.hard === undefined) return undefined
      return checkOrder({ soft: given.soft, hard: given.hard }, path, context)
    },
  }
}

function checkOrder(limit: LimitSpec, path: Path, context: ReadContext): LimitSpec | undefined {
  if ((limit.soft ?? Number.POSITIVE_INFINITY) <= (limit.hard ?? Number.POSITIVE_INFINITY)) return limit
  reportRefusal(wrongValue('the soft limit is above the hard limit', 'Raise hard or lower soft.'), path, context)
  return undefined
}

const count = integer({ min: 0 })
const seconds: ValueType<number, string | number> = scalar('duration', duration.schema, (raw, context) => {
  const millis = duration.read(raw, [], { ...context, report: () => {} })
  return millis === undefined
    ? wrongType('a duration', raw, 'Write 10s, 5m or 2h; a number without a unit is seconds.')
    : Math.ceil(millis / 1000)
})

function limit(amount: ValueType<number, string | number>, doc: string) {
  return setting(limitOf(amount), { doc })
}

export const limitSettings = {
  nofile: setting(limitOf(count), {
    doc: 'Open files. Left out: soft 1024 (or the hard limit, if lower), hard as the supervisor has it.',
    reason: 'programs that use select(2) break above 1024',
    knownElsewhereAs: ['minfds', 'ulimit'],
  }),
  nproc: limit(count, 'Processes and threads of the user.'),
  core: limit(size, 'Core dumps.'),
  as: limit(size, 'Address space.'),
  data: limit(size, 'Data segment.'),
  fsize: limit(size, 'Files written.'),
  memlock: limit(size, 'Locked memory.'),
  rss: limit(size, 'Resident memory (the kernel ignores it).'),
  stack: limit(size, 'Stack.'),
  msgqueue: limit(size, 'POSIX message queues.'),
  cpu: limit(seconds, 'CPU time.'),
  nice: limit(count, 'How far the process may raise its priority (20 minus the nice value).'),
  rttime: limit(count, 'Real-time CPU time without a pause, in microseconds.'),
  rtprio: limit(count, 'Real-time priority.'),
  locks: limit(count, 'File locks.'),
  sigpending: limit(count, 'Queued signals.'),
} as const satisfies SettingTable
