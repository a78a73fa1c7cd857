import type { Paint } from '../control/colours.ts'
import { eventText } from '../server/event-text.ts'
import type { WhyReport } from '../supervisor/engine-api.ts'

/** For each worker the sentence, then what led to it, oldest first. */
export function whyText({ answers }: WhyReport, paint: Paint): string {
  return answers
    .map(({ sentence, chain }) => {
      const events = chain.map((entry) => `  ${eventText(entry, paint)}`).join('')
      return `${paint('bold', sentence)}\n${events}`
    })
    .join('\n')
}
