import { setting } from '../setting.ts'
import { listOf } from '../values/collections.ts'
import { duration, durationFrom, positiveDuration } from '../values/duration.ts'
import { boolean, decimal, integer, oneOf, withWords } from '../values/scalars.ts'

const soundLife = durationFrom(100, 'a program that ends at once would be started again without a pause, for ever')

export const restartSettings = {
  when: setting(oneOf(['always', 'on-failure', 'never']), {
    default: 'always',
    doc: 'Which deaths are followed by a new process. With `on-failure` a clean end (exit 0, or TERM, INT or HUP after ready) is not.',
    reason: 'a service is meant to run',
    knownElsewhereAs: ['policy', 'respawn'],
  }),
  immediate: setting(integer({ min: 0, max: 1000 }), {
    default: 3,
    unit: 'failures',
    doc: 'So many failures in a row restart at once, before the back-off begins.',
    reason: 'most failures are single, and waiting helps none of them',
  }),
  initial: setting(positiveDuration, {
    default: '100ms',
    doc: 'The first wait of the back-off.',
    reason: 'short enough not to be noticed',
  }),
  factor: setting(decimal({ min: 1, max: 100 }), {
    default: 2,
    doc: 'Each wait is longer than the last by this factor.',
  }),
  max: setting(positiveDuration, {
    default: '30s',
    doc: 'The longest wait of the back-off.',
    reason: 'a crash loop costs little, and a repaired dependency is noticed soon',
  }),
  jitter: setting(decimal({ min: 0, max: 1 }), {
    default: 0.2,
    doc: 'Each wait is varied at random by up to this share.',
    reason: 'workers that fell together do not come back in step',
  }),
  resetAfter: setting(soundLife, {
    default: '1s',
    doc: 'A process that lived this long after it became ready was sound: its death does not count as a failure.',
    reason:
      'a program that can not run usually ends within a second; with less than 100 ms one that ends at once could be started without a pause, for ever',
  }),
  maxRetries: setting(withWords(integer({ min: 0 }), { never: null }), {
    default: 'never',
    unit: 'failures',
    doc: 'When so many retries in a row have failed as well the worker becomes `fatal` and stays down; `never`: it goes on at `max`.',
    reason: 'a supervisor that gives up at night helps nobody',
  }),
  delay: setting(duration, {
    default: 0,
    doc: 'Wait at least this long before every restart, also after a clean end; up to the share `jitter` longer.',
    reason: 'back in milliseconds',
  }),
  unrecoverable: setting(listOf(integer({ min: 0, max: 255 })), {
    default: [],
    doc: 'Exit codes that make the worker `fatal` at once, as a wrong configuration that no restart mends.',
  }),
  stopAllOnUnrecoverable: setting(boolean, {
    default: false,
    doc: 'Such an exit stops the whole supervisor with all its services; its exit code is that of the worker.',
  }),
} as const
