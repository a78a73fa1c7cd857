// What the command `status` of a program shows.
import type { Paint } from '../control/colours.ts'
import { statusText } from '../control/status-text.ts'
import type { StatusReport } from '../supervisor/status-report.ts'

export interface ProgramReports {
  /** Of the supervisor above the server; null: there is none, or it says nothing that the server does not. */
  readonly above: StatusReport | null
  /** Of the server itself; of several, of one that works. */
  readonly own: StatusReport | null
}

/** Width of the terminal, null: none. */
export function textOfReports({ above, own }: ProgramReports, paint: Paint, width: number | null): string {
  const options = { paint, width, now: Date.now() }
  const texts = [
    above === null ? null : statusText(above, { ...options, who: 'supervisor' }),
    own === null ? null : statusText(own, { ...options, who: 'server' }),
  ]
  return texts.filter((text) => text !== null).join('\n')
}
