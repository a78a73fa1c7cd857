import { ComputedDefault, setting } from '../setting.ts'
import { positiveDuration } from '../values/duration.ts'
import { ladder } from '../values/ladder.ts'

export const heartbeatSettings = {
  interval: setting(positiveDuration, {
    default: new ComputedDefault('a third of `timeout`'),
    doc: 'How often the worker gives a sign of life.',
    reason: 'two may be late',
  }),
  timeout: setting(positiveDuration, {
    default: '10s',
    doc: 'A worker without a sign of life for this long is ended by `signals` and replaced.',
    reason: 'longer than any garbage collection or swap storm of a sound process',
  }),
  signals: setting(ladder, {
    default: ['KILL'],
    doc: 'The ladder for a worker that hangs; steps as in `stop.signals`.',
    reason: 'what hangs does not listen',
  }),
} as const
