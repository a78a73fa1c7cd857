// The rungs of a stop ladder: `TERM`, `TERM/30s`, `{ signal, every, increment, for }`.
import type { SignalStep } from '../effective.ts'
import { setting, type Written } from '../setting.ts'
import { Refusal, scalar, type ValueType, wrongType, wrongValue } from '../value-type.ts'
import { isObject, plainValue, textOf } from '../written-scalar.ts'
import { listOf, mapped, objectOf } from './collections.ts'
import { duration, formatDuration, parseDuration, positiveDuration } from './duration.ts'
import { withWords } from './scalars.ts'
import { readSignal, signal } from './signal.ts'

export const stepSettings = {
  signal: setting(signal, {
    required: true,
    doc: 'The signal, with or without SIG: `TERM`, `SIGQUIT`, `15`, `RTMIN+1`.',
  }),
  every: setting(positiveDuration, {
    doc: 'Send it again after this time, until `for` is over. Left out: send it once.',
  }),
  increment: setting(duration, { default: 0, doc: 'Each interval is longer than the last by this.' }),
  for: setting(withWords(duration, { never: null }), {
    doc: 'How long to wait before the next rung. Left out: `stop.timeout`. `never`: no next rung.',
  }),
} as const

/** A rung as it was written: without a `wait` of its own it gets the timeout of the ladder. */
export interface WrittenStep {
  readonly signal: string
  readonly wait?: number | null
  readonly every: number | null
  readonly increment: number
}

type StepInput = string | number | Written<typeof stepSettings>

const stepText: ValueType<WrittenStep, string> = scalar(
  'signal, or signal/wait',
  { type: ['string', 'integer'] },
  parseStep,
)

function parseStep(raw: unknown): WrittenStep | Refusal {
  const value = plainValue(raw)
  const text = typeof value === 'number' ? String(value) : textOf(raw)
  if (text === null)
    return wrongType(
      'a signal, or an object with `signal`',
      raw,
      'Write TERM, TERM/30s, or { signal: TERM, every: 2s, for: 20s }.',
    )
  const slash = text.indexOf('/')
  const name = readSignal(slash < 0 ? text : text.slice(0, slash))
  if (name instanceof Refusal) return name
  if (slash < 0) return { signal: name, every: null, increment: 0 }
  const waitText = text.slice(slash + 1)
  const wait = waitText === 'never' ? null : parseDuration(waitText)
  if (wait === null && waitText !== 'never') {
    return wrongValue(`"${waitText}" is not a duration`, 'Write TERM/30s: signal, slash, how long to wait.', waitText)
  }
  return { signal: name, wait, every: null, increment: 0 }
}

const stepObject: ValueType<WrittenStep, Written<typeof stepSettings>> = mapped(objectOf(stepSettings), (given) => ({
  signal: given.signal ?? 'TERM',
  ...(given.for === undefined ? {} : { wait: given.for }),
  every: given.every ?? null,
  increment: given.increment ?? 0,
}))

const step: ValueType<WrittenStep, StepInput> = {
  name: 'signal, signal/wait or object',
  get schema() {
    return { anyOf: [stepText.schema, stepObject.schema] }
  },
  table: stepSettings,
  read: (raw, path, context) => (isObject(raw) ? stepObject : stepText).read(raw, path, context),
}

const steps = listOf(step)

export const ladder: ValueType<readonly WrittenStep[], readonly StepInput[]> = {
  ...steps,
  read(raw, path, context) {
    const read = steps.read(raw, path, context)
    if (read === undefined || (Array.isArray(raw) && read.length !== raw.length)) return undefined
    if (read.length > 0) return read
    context.report({
      code: 'HF_CONFIG_VALUE',
      path,
      at: 'value',
      detail: { problem: 'the list of signals is empty', mend: 'Name at least one, as [TERM, KILL].' },
    })
    return undefined
  },
}

/**
 * The ladder with every wait filled in. What does not end in KILL gets it appended, so that nothing waits for ever unless
 * its last wait says `never`.
 */
export function completeLadder(written: readonly WrittenStep[], timeout: number): readonly SignalStep[] {
  const complete = written.map(({ signal, wait, every, increment }) => ({
    signal,
    wait: wait === undefined ? timeout : wait,
    every,
    increment,
  }))
  const last = complete.at(-1)
  if (last === undefined || (last.signal !== 'KILL' && last.wait !== null)) {
    complete.push({ signal: 'KILL', wait: timeout, every: null, increment: 0 })
  }
  return complete
}

/** A rung as a user would write it. */
export function writeStep(step: SignalStep): string | Written<typeof stepSettings> {
  const wait = step.wait === null ? 'never' : formatDuration(step.wait)
  if (step.every === null) return `${step.signal}/${wait}`
  return {
    signal: step.signal,
    every: formatDuration(step.every),
    increment: formatDuration(step.increment),
    for: wait,
  }
}
