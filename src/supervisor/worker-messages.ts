// What a worker says on its notification fd, as events.
import type { ProcessEvent } from '../lifecycle/process-event.ts'
import type { Instant } from '../lifecycle/process-state.ts'
import { type NotifyMessage, NotifyParser } from '../wire/notify-text.ts'
import type { RunningProcess } from './service-runtime.ts'

/** The messages that end in this piece. */
export function messagesIn(process: RunningProcess, chunk: Buffer): readonly NotifyMessage[] {
  process.notify ??= new NotifyParser()
  return [...process.notify.push(chunk)]
}

/** Null: it changes no state of the process; what it says is kept (STATUS=), or is a sign of life (WATCHDOG=1). */
export function eventOf(message: NotifyMessage, at: Instant): ProcessEvent | null {
  switch (message.kind) {
    case 'ready':
      return { is: 'ready', at }
    case 'stopping':
      return { is: 'finishing', at }
    case 'reloading':
      return { is: 'reloading', at }
    case 'extend-timeout':
      return { is: 'extend', at, by: message.micros / 1_000 }
    default:
      return null
  }
}
