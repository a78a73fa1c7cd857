// `status --watch`: drawn again each second and at each event, until interrupted or the supervisor is gone.
import type { JournalEntry } from '../supervisor/engine-api.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { call } from './call.ts'
import type { Context } from './context.ts'
import { eventText } from './event-text.ts'
import { queryString } from './request-path.ts'

const INTERVAL = 1000
/** Events come in bursts; one picture for all of them. */
const SETTLE = 100
const EVENTS_SHOWN = 5
const HOME_AND_CLEAR = '\u001b[H\u001b[J'

export async function watchStatus(
  context: Context,
  askReport: (context: Context) => Promise<StatusReport>,
  askTable: (context: Context) => Promise<{ readonly text: string }>,
): Promise<number> {
  const latest: JournalEntry[] = []
  let wake = () => {}
  const path = `/v1/events${queryString({ follow: true, last: EVENTS_SHOWN, target: context.command.arguments })}`
  const events = call(context, {
    method: 'GET',
    path,
    onEvent(_name, entry) {
      latest.push(entry as JournalEntry)
      latest.splice(0, latest.length - EVENTS_SHOWN)
      wake()
    },
  })
  // The next picture tells that the supervisor is gone.
  events.catch(() => {})
  for (;;) {
    if (context.command.global.json) context.out.write(`${JSON.stringify(await askReport(context))}\n`)
    else draw(context, (await askTable(context)).text, latest)
    await Promise.race([pause(INTERVAL), new Promise<void>((resolve) => (wake = resolve)).then(() => pause(SETTLE))])
  }
}

function draw({ out, paint }: Context, text: string, latest: readonly JournalEntry[]): void {
  const events = latest.map((entry) => eventText(entry, paint)).join('')
  const picture = events === '' ? text : `${text}\n${events}`
  out.write(out.isTty ? `${HOME_AND_CLEAR}${picture}` : `${picture}\n`)
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis))
}
