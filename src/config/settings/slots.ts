// Main and standby: `slots` of a service, and the locks that decide who is main.
import { ComputedDefault, setting } from '../setting.ts'
import { objectOf } from '../values/collections.ts'
import { nameOf } from '../values/names.ts'
import { anyScalar, anything, boolean, integer, nullable, oneOf, path } from '../values/scalars.ts'
import { signal } from '../values/signal.ts'

/** What one wait for a lock can look at (`src/locks/waiting-script.ts`). */
const MOST = 12

export const slotSettings = {
  lock: setting(nameOf('lock'), {
    default: new ComputedDefault('a file lock in `<stateDir>/locks/<service>`'),
    doc: 'A lock of `locks`: services that name the same one, in several supervisors too, contend for its slots.',
  }),
  mains: setting(integer({ min: 1, max: MOST }), {
    default: 1,
    doc: 'How many hold a main slot and work, at most.',
    reason: 'the usual leader',
  }),
  standbys: setting(integer({ min: 0, max: MOST }), {
    default: 1,
    doc: 'How many wait to take a slot over.',
    reason: 'one is there at once, another is started in its place',
  }),
  promoteSignal: setting(nullable(signal), {
    default: null,
    doc: 'Sent to the process of a warm standby when it is promoted, also when its supervisor is dead; for programs that read no `HOLDFAST_COMMAND_FD`.',
  }),
  stopFile: setting(nullable(path), {
    default: null,
    doc: 'While this file exists no standby is started, and none becomes main: a main that ends has no follower. Whoever makes it removes it.',
  }),
  warm: setting(boolean, {
    default: true,
    doc: 'Standbys are started, get ready, and are told of their promotion. `false`: a standby is only started when it is promoted.',
    reason: 'milliseconds instead of a start',
  }),
} as const

const later = { laterEngine: true } as const

export const lockSettings = {
  type: setting(oneOf(['file', 'etcd', 'postgres']), {
    default: 'file',
    doc: '`file`: a lock of the kernel, for one machine. `etcd` and `postgres` are for several.',
    worksNow: ['file'],
    ...later,
  }),
  directory: setting(path, {
    default: new ComputedDefault('`<stateDir>/locks/<name of the lock>`'),
    doc: 'For `file`: where the lock files lie. Not on a network file system; the files stay.',
  }),
  ttl: setting(anyScalar, { doc: 'How long a holder that is not heard of keeps its slot.', ...later }),
  endpoints: setting(anything, { doc: 'Addresses of etcd.', ...later }),
  url: setting(anyScalar, { doc: 'Address of PostgreSQL.', ...later }),
} as const

export const lock = objectOf(lockSettings)
