import { eventText } from '../server/event-text.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'
import { call } from './call.ts'
import type { Context } from './context.ts'
import { LineWriter } from './log-text.ts'
import { orOffline } from './or-offline.ts'
import { queryString } from './request-path.ts'

export function events(context: Context): Promise<number> {
  return orOffline(context, () => eventsFromSupervisor(context), 'events')
}

async function eventsFromSupervisor(context: Context): Promise<number> {
  const { command, out, err, paint } = context
  const { follow, lines } = command.options
  const writer = new LineWriter(out)
  const last = typeof lines === 'number' ? lines : undefined
  const path = `/v1/events${queryString({ last, target: command.arguments, follow: follow === true })}`
  const onEvent = (event: string, data: unknown) => {
    if (event === 'entry')
      writer.write(command.global.json ? `${JSON.stringify(data)}\n` : eventText(data as JournalEntry, paint))
  }
  const unwatch = writer.watchReader()
  await Promise.race([writer.failed, call(context, { method: 'GET', path, onEvent })]).finally(unwatch)
  writer.flush()
  if (follow && !command.global.quiet) err.write('the supervisor has ended\n')
  return 0
}
