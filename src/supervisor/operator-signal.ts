// A signal that an operator sends to a worker: as the supervisor would send it.
import { signalGroup, signalProcess } from '../os/send-signal.ts'
import { commandWord } from '../wire/command-words.ts'
import type { RunningProcess } from './service-runtime.ts'

/** @param group its helpers, too: a word is for the worker alone @returns what is told of it */
export function sendOperatorSignal(
  { identity, inside, lane, spec }: RunningProcess,
  signal: { readonly name: string; readonly number: number },
  group: boolean,
): string {
  const word = spec.stdin === 'commands' && !group ? commandWord(signal.name) : null
  if (word !== null && lane.send(`${word}\n`)) return `${signal.name} by the operator, as ${word} on stdin`
  if (inside !== null) inside.worker.signal(signal.name.replace(/^SIG/, ''))
  else if (group && spec.session) signalGroup(identity.pid, signal.number)
  else signalProcess(identity, signal.number)
  return `${signal.name} by the operator`
}
