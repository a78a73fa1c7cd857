import { constants } from 'node:os'

// glibc keeps 32 and 33 for itself; real-time signals for programs are 34 to 64.
const SIGRTMIN = 34
const SIGRTMAX = 64

/** `SIGTERM` → 15. */
export const SIGNAL_NUMBERS: Readonly<Record<string, number>> = constants.signals

const NAMES = new Map<number, string>()
for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) {
  // SIGIOT = SIGABRT, SIGPOLL = SIGIO: the first is the usual one in both cases (SIGABRT, SIGIO).
  if (!NAMES.has(number) || name === 'SIGABRT' || name === 'SIGIO') NAMES.set(number, name)
}

/** Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+1`, `SIGRTMAX-2`. `name` comes back with SIG; null if there is no such signal. */
export function parseSignal(text: string): { name: string; number: number } | null {
  const upper = text.trim().toUpperCase()
  if (/^\d{1,2}$/.test(upper)) return withName(Number(upper))
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  const known = Object.hasOwn(SIGNAL_NUMBERS, name) ? SIGNAL_NUMBERS[name] : undefined
  if (known !== undefined) return { name, number: known }
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name)
  if (realTime === null) return null
  const [, base, sign, distance] = realTime
  if (sign !== undefined && (base === 'MIN') !== (sign === '+')) return null
  const number = base === 'MIN' ? SIGRTMIN + Number(distance ?? 0) : SIGRTMAX - Number(distance ?? 0)
  return number >= SIGRTMIN && number <= SIGRTMAX ? withName(number) : null
}

/** `SIGTERM` for 15, `SIGRTMIN+1` for 35, `signal 99` for what has no name. */
export function signalName(number: number): string {
  const name = NAMES.get(number)
  if (name !== undefined) return name
  if (number === SIGRTMIN) return 'SIGRTMIN'
  if (number > SIGRTMIN && number <= SIGRTMAX) return `SIGRTMIN+${number - SIGRTMIN}`
  return `signal ${number}`
}

function withName(number: number): { name: string; number: number } | null {
  const name = signalName(number)
  return name.startsWith('SIG') ? { name, number } : null
}
