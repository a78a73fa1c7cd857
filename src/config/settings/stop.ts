import { setting } from '../setting.ts'
import { command } from '../values/command.ts'
import { positiveDuration } from '../values/duration.ts'
import { ladder } from '../values/ladder.ts'
import { boolean, nullable, path } from '../values/scalars.ts'

export const stopSettings = {
  signals: setting(ladder, {
    default: ['TERM', 'KILL'],
    doc: 'The stop ladder: signals in order, each with the time it has to work. A step is `TERM` (waits `timeout`), `TERM/30s`, or `{ signal, every, increment, for }` (sent again and again). KILL is appended to a ladder that does not end in it, unless its last wait is `never`.',
    reason: 'ask first, then insist',
    knownElsewhereAs: ['kill_signal'],
  }),
  timeout: setting(positiveDuration, {
    default: '10s',
    doc: 'The wait of every step that has none of its own.',
    reason: 'longer than a keep-alive connection of the SDK lives (6 s), so that clients can be let go in peace',
    knownElsewhereAs: ['grace', 'gracePeriod'],
  }),
  drainTimeout: setting(nullable(positiveDuration), {
    default: null,
    doc: 'How long a process that is replaced (by a rolling restart or an `apply`) may finish its work before the second step; it counts towards `rollout.timeout`. Left out: as long as any other.',
    reason: "beside its successor it is in nobody's way, and a `stop` should not take as long",
  }),
  file: setting(nullable(path), {
    default: null,
    doc: 'Made before the first signal and removed afterwards; `%p` is the pid. For programs that look for a file.',
  }),
  fileTimeout: setting(positiveDuration, {
    default: '10s',
    doc: 'How long the stop file may take to work before the first signal.',
    reason: 'as `timeout`',
  }),
  command: setting(nullable(command), {
    default: null,
    doc: 'Run before the first signal, with `HOLDFAST_PID` in its environment.',
  }),
  group: setting(boolean, {
    doc: 'Signals go to the whole process group, helpers and grandchildren included. Off without a `session` of its own: the group would then be that of the supervisor.',
    default: true,
    reason: 'nothing is left behind',
  }),
} as const
