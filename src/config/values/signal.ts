import { parseSignal, SIGNAL_NUMBERS } from '../../os/signals.ts'
import { suggestion } from '../did-you-mean.ts'
import { Refusal, scalar, type ValueType, wrongType } from '../value-type.ts'
import { plainValue, shorten, textOf } from '../written-scalar.ts'

const NAMES = Object.keys(SIGNAL_NUMBERS).map((name) => name.slice('SIG'.length))

/** Name without SIG of `TERM`, `SIGTERM`, `15`, `RTMIN+1`. */
export function readSignal(raw: unknown): string | Refusal {
  const value = plainValue(raw)
  const text = typeof value === 'number' ? String(value) : textOf(raw)
  if (text === null) return wrongType('a signal', raw, 'Write TERM, HUP, USR1 …')
  const signal = parseSignal(text)
  if (signal !== null) return signal.name.replace(/^SIG/, '')
  const given = text.toUpperCase().replace(/^SIG/, '')
  return new Refusal('HF_CONFIG_REFERENCE', {
    what: 'signal',
    name: shorten(text),
    mend: suggestion(given, NAMES, 'signal'),
  })
}

export const signal: ValueType<string, string | number> = scalar('signal', { type: ['string', 'integer'] }, readSignal)
