import { setting } from '../setting.ts'
import { oneOf } from '../values/scalars.ts'

const policy = oneOf(['back-off', 'shut-down'], 'back-off: as `restart` says; shut-down: the whole service stops.')

export const earlyDeathSettings = {
  firstBoot: setting(policy, {
    default: 'back-off',
    doc: 'While no worker has been ready since the service was started.',
    reason: 'what it lacks may come yet',
  }),
  newGeneration: setting(policy, {
    default: 'back-off',
    doc: 'Of the generation that is being rolled out. With `back-off` the rollout fails, and the old workers stay.',
    reason: 'a broken release costs nobody anything',
  }),
  steady: setting(policy, {
    default: 'back-off',
    doc: 'At any other time.',
    reason: 'the other workers serve',
  }),
} as const
