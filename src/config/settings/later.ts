// Keys whose engine is not built yet: known, their values checked as far as they are settled, refused by `check` and `up`.
import { type SettingOptions, type SettingTable, setting } from '../setting.ts'
import type { ValueType } from '../value-type.ts'
import { objectOf } from '../values/collections.ts'
import { command } from '../values/command.ts'
import { positiveDuration } from '../values/duration.ts'
import { anyScalar, anything, decimal, filledText, integer, oneOf, path } from '../values/scalars.ts'
import { size } from '../values/size.ts'

function later<Out, In>(type: ValueType<Out, In>, doc: string) {
  return setting(type, { doc, laterEngine: true } as const satisfies SettingOptions<In>)
}

function rows<T extends SettingTable>(table: T): ValueType<unknown> {
  return objectOf(table)
}

const row = <Out, In>(type: ValueType<Out, In>, doc: string) => setting(type, { doc })

export const laterControlSettings = {
  http: later(
    rows({
      listen: row(filledText, 'Address.'),
      tokenFile: row(path, 'File with the token.'),
      tls: row(
        rows({ cert: row(path, 'Certificate.'), key: row(path, 'Key.'), clientCa: row(path, 'CA of clients.') }),
        'TLS.',
      ),
    }),
    'The control API over TCP, never without token or client CA.',
  ),
  console: later(path, 'Unix socket for the one-line command language.'),
} as const

export const laterSupervisorSettings = {
  logging: later(anything, 'Appenders, categories and layouts of all logs.'),
} as const

export const laterServiceSettings = {
  scaling: later(
    rows({
      min: row(integer({ min: 0 }), 'Fewest workers.'),
      max: row(integer({ min: 1 }), 'Most workers.'),
      metric: row(oneOf(['busy', 'queue', 'cpu', 'memory']), 'What is measured.'),
      target: row(decimal({ min: 0 }), 'What it should be.'),
    }),
    'Number of workers by load.',
  ),
  cgroup: later(
    rows({
      memoryMax: row(size, 'Memory.'),
      cpuMax: row(anyScalar, 'CPU.'),
      pidsMax: row(integer({ min: 1 }), 'Processes.'),
    }),
    'Limits by cgroup v2.',
  ),
  health: later(
    rows({
      http: row(filledText, 'URL.'),
      tcp: row(anyScalar, 'Port.'),
      exec: row(command, 'Command.'),
      interval: row(positiveDuration, 'How often.'),
      timeout: row(positiveDuration, 'How long one probe may take.'),
      failures: row(integer({ min: 1 }), 'How many in a row.'),
    }),
    'Probes while the worker runs.',
  ),
  recycle: later(
    rows({
      maxRequests: row(integer({ min: 1 }), 'Requests.'),
      maxMemory: row(size, 'Memory.'),
      maxAge: row(positiveDuration, 'Age.'),
      schedule: row(filledText, 'Cron.'),
    }),
    'Replace workers after so many requests, so much memory, so long a time.',
  ),
  schedule: later(anything, 'Run as a job, by cron.'),
  overlap: later(oneOf(['skip', 'queue', 'replace']), 'What a job does when the last run is not over.'),
  watch: later(anything, 'Restart when files change.'),
  hooks: later(anything, 'Commands at state changes.'),
  notify: later(anything, 'Messages at state changes.'),
  logs: later(anything, 'Appenders and layout of the output of this service.'),
} as const
