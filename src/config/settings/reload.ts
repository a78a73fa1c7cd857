// The union `reload`: rolling, by signal, or by command, with a timeout.
import type { ReloadSpec } from '../effective.ts'
import { withDefaults } from '../read-table.ts'
import { type Complete, setting, type Written } from '../setting.ts'
import { reportRefusal, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { objectOf } from '../values/collections.ts'
import { command } from '../values/command.ts'
import { formatDuration, positiveDuration } from '../values/duration.ts'
import { oneOf } from '../values/scalars.ts'
import { signal } from '../values/signal.ts'
import { isObject, textOf } from '../written-scalar.ts'

export const reloadSettings = {
  signal: setting(signal, { doc: 'Send this signal to every worker, as `HUP` for nginx.' }),
  command: setting(command, { doc: 'Run this command once per worker, with `HOLDFAST_PID` in its environment.' }),
  timeout: setting(positiveDuration, {
    default: '30s',
    doc: 'How long a reload may take before it has failed.',
    reason: 'as long as a boot may take',
  }),
} as const

const HINT = 'Write rolling, { signal: HUP } or { command: … }.'
const rolling = oneOf(['rolling'])
const object = objectOf(reloadSettings)

/** Reads as the whole effective value: a union is never joined with what `defaults` say. */
export const reloadWay: ValueType<ReloadSpec, 'rolling' | Written<typeof reloadSettings>> = {
  name: '`rolling` or object',
  get schema() {
    return { anyOf: [rolling.schema, object.schema] }
  },
  table: reloadSettings,
  read(raw, path, context) {
    if (textOf(raw) === 'rolling') return reloadOf(withDefaults(reloadSettings, {}))
    if (!isObject(raw)) {
      reportRefusal(wrongType('a way to reload', raw, HINT), path, context)
      return undefined
    }
    if (Object.hasOwn(raw, 'signal') && Object.hasOwn(raw, 'command')) {
      reportRefusal(wrongValue('signal and command can not be used together', HINT), path, context)
    }
    const given = object.read(raw, path, context)
    return given === undefined ? undefined : reloadOf(withDefaults(reloadSettings, given))
  },
}

function reloadOf({ signal, command, timeout }: Complete<typeof reloadSettings>): ReloadSpec {
  if (signal !== undefined) return { by: 'signal', signal, timeout }
  return command === undefined ? { by: 'rolling', timeout } : { by: 'command', command, timeout }
}

/** `reload` as a user would write it. */
export function writeReload(reload: ReloadSpec): Written<typeof reloadSettings> {
  const timeout = formatDuration(reload.timeout)
  if (reload.by === 'signal') return { signal: reload.signal, timeout }
  return reload.by === 'command' ? { command: reload.command, timeout } : { timeout }
}
