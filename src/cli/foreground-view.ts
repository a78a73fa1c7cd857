// What `up` shows in the foreground: a banner for who sees it the first time, the services' output, the state changes.

import { isColoured, type Paint } from '../control/colours.ts'
import { ForegroundOutput } from '../logs/foreground.ts'
import { terminalWriter } from '../logs/terminal-writer.ts'
import type { Engine, JournalEntry } from '../supervisor/engine-api.ts'
import { VERSION } from '../supervisor/version.ts'
import { eventSentence } from './event-text.ts'

export interface ForegroundView {
  say(text: string): void
  event(entry: JournalEntry): void
  /** Waits until the terminal has taken what there is, but not for ever. */
  flush(): Promise<void>
}

/** @param quiet only the output of the services */
export function openForegroundView(
  engine: Engine,
  paint: Paint,
  quiet: boolean,
  configOption: string | null,
): ForegroundView {
  const output = new ForegroundOutput({ color: isColoured(paint), write: terminalWriter(1) })
  const say = (text: string) => {
    if (!quiet) output.event(`holdfast: ${text}`)
  }
  const follow = followLines(engine, (worker, stream, line) => output.line(worker, stream, line))
  for (const line of banner(engine, configOption)) say(line)
  return {
    say,
    event(entry) {
      if (entry.service !== undefined) follow(entry.service)
      if (isWorthALine(entry)) say(eventSentence(entry, (_colour, text) => text))
    },
    flush: () => output.flush(),
  }
}

function banner(engine: Engine, configOption: string | null): string[] {
  const { supervisor, services, sockets } = engine.status()
  const option = configOption === null ? '' : ` -c ${configOption}`
  return [
    `${VERSION}, supervisor of "${supervisor.name}", pid ${supervisor.pid}, ${services.length} service(s)`,
    ...sockets.map(({ name, listen }) => `socket ${name} listens on ${listen}`),
    `look at it from another terminal: holdfast${option} status`,
    'Ctrl-C stops everything',
  ]
}

/** Going through a start is not news; becoming ready, ending, failing and being replaced is. */
function isWorthALine({ kind, event, to }: JournalEntry): boolean {
  if (kind === 'supervisor') return event !== 'up'
  return kind === 'rollout' || (to !== undefined && to !== 'starting' && to !== 'stopping' && to !== 'waiting')
}

type OnLine = (worker: string, stream: 'out' | 'err', line: string) => void

/** Of every service. Those that an apply adds later are followed from their first event, which comes before their first line. */
function followLines(engine: Engine, onLine: OnLine): (service: string) => void {
  const followed = new Set<string>()
  const follow = (service: string) => {
    if (followed.has(service)) return
    followed.add(service)
    engine.onLine([service], ({ worker, stream, line }) => onLine(worker, stream, line))
  }
  for (const { name } of engine.status().services) follow(name)
  return follow
}
