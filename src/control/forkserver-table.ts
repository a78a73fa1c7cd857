// Forkservers in `status` for people: a row each, and one for each older one that workers still come from.
import type { ForkserverReport } from '../supervisor/status-report.ts'
import { colourOfState } from './colours.ts'
import { humanDuration, humanSize } from './human-units.ts'
import type { StatusTextOptions } from './status-text.ts'
import { type Cell, tableText } from './table-text.ts'

export function forkserverTable(forkservers: readonly ForkserverReport[], options: StatusTextOptions): string {
  const rows = forkservers.flatMap((forkserver) => [newestRow(forkserver, options), ...olderRows(forkserver)])
  const memory = forkservers.some(({ pss }) => typeof pss === 'number') ? 'PSS' : 'MEMORY'
  const header = ['FORKSERVER', 'STATE', 'WORKERS', 'PID', 'UPTIME', 'RESTARTS', memory, 'MESSAGE']
  return tableText(header, rows, { ...options, expendable: [memory, 'UPTIME', 'RESTARTS', 'PID'] })
}

function newestRow(forkserver: ForkserverReport, { now }: StatusTextOptions): Cell[] {
  const { name, state, ready, workers, pid, startedAt, restarts } = forkserver
  const memory = forkserver.pss ?? forkserver.rss
  const shown = state === 'starting' && !ready ? 'loading' : state
  return [
    { text: name },
    { text: shown, colour: colourOfState(state) },
    ...right([
      String(workers),
      pid === null ? '' : String(pid),
      startedAt === null ? '' : humanDuration(now - Date.parse(startedAt)),
      String(restarts),
      memory === null ? '' : humanSize(memory),
    ]),
    { text: messageOf(forkserver, now) },
  ]
}

function messageOf({ message, lastExit, state, nextRetryAt, coldStarts, failedForks }: ForkserverReport, now: number) {
  const parts: string[] = []
  if (message !== '') parts.push(message)
  if (state === 'backoff' || state === 'fatal') {
    const reason = lastExit?.reason ?? ''
    if (reason !== '' && !message.includes(reason)) parts.push(reason)
  }
  if (nextRetryAt !== null) parts.push(`retry in ${humanDuration(Date.parse(nextRetryAt) - now)}`)
  if (failedForks > 0) parts.push(`${failedForks} ${failedForks === 1 ? 'fork' : 'forks'} failed`)
  if (coldStarts > 0) parts.push(`${coldStarts} started without it`)
  return parts.join('; ')
}

function olderRows({ others }: ForkserverReport): Cell[][] {
  return others.map(({ generation, pid, workers }) => [
    { text: `  generation ${generation}` },
    { text: 'old' },
    ...right([String(workers), pid === null ? '' : String(pid), '', '', '']),
    { text: 'until its last worker is replaced' },
  ])
}

function right(texts: readonly string[]): Cell[] {
  return texts.map((text) => ({ text, right: true }))
}
