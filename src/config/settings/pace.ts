import { setting } from '../setting.ts'
import { duration } from '../values/duration.ts'
import { decimal } from '../values/scalars.ts'

export const paceSettings = {
  interval: setting(duration, {
    default: 0,
    doc: 'Time from one start of a worker to the next one of the same service, whatever it is started for. The others wait for their turn.',
    reason: 'most programs can start side by side',
  }),
  jitter: setting(decimal({ min: 0, max: 1 }), {
    default: 0.2,
    doc: 'Each interval is varied at random by up to this share.',
    reason: 'what they all ask at their start is not asked in step',
  }),
} as const
