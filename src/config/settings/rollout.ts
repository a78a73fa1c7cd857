import { ComputedDefault, setting } from '../setting.ts'
import { duration, positiveDuration } from '../values/duration.ts'
import { boolean, integer } from '../values/scalars.ts'

export const rolloutSettings = {
  maxSurge: setting(integer({ min: 0, max: 10_000 }), {
    default: new ComputedDefault('1 with `sockets`, else 0'),
    unit: 'workers',
    doc: 'So many new workers may run beside the old ones. Also bounds the replacements beside workers that drain or hang.',
    reason: 'workers that share a socket can run side by side; one that binds its own port, or must be alone, can not',
  }),
  maxUnavailable: setting(integer({ min: 0, max: 10_000 }), {
    default: new ComputedDefault('0 with `sockets`, else 1'),
    unit: 'workers',
    doc: 'So many workers may be missing during a rollout. With 0 a new worker is ready before an old one stops.',
    reason: 'no gap where none is needed',
  }),
  minReady: setting(duration, {
    default: '0s',
    doc: 'A new worker must stay ready this long before the rollout goes on; its death in this time fails the rollout.',
  }),
  canary: setting(boolean, {
    default: true,
    doc: 'Replace one worker first, and the others only when that one is ready.',
    reason: 'a broken release costs one try',
  }),
  timeout: setting(positiveDuration, {
    default: '5m',
    doc: 'A rollout that takes longer has failed.',
    reason: 'everything ends',
  }),
} as const
