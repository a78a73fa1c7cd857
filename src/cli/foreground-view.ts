// What `up` shows in the foreground: a banner for who sees it the first time, the services' output, the state changes.
import { ForegroundOutput } from '../logs/foreground.ts'
import { terminalWriter } from '../logs/terminal-writer.ts'
import type { Engine, JournalEntry } from '../supervisor/engine-api.ts'
import { VERSION } from '../supervisor/version.ts'
import { isColoured, type Paint } from './colours.ts'
import { eventSentence } from './event-text.ts'

export interface ForegroundView {
  say(text: string): void
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
  for (const line of banner(engine, configOption)) say(line)
  followLines(engine, (worker, stream, line) => output.line(worker, stream, line))
  if (!quiet) {
    engine.onEvent((entry) => {
      if (isWorthALine(entry)) output.event(`holdfast: ${eventSentence(entry, (_colour, text) => text)}`)
    })
  }
  return { say, flush: () => output.flush() }
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
function isWorthALine({ kind, to }: JournalEntry): boolean {
  return kind !== 'worker' || (to !== 'starting' && to !== 'stopping' && to !== 'waiting')
}

type OnLine = (worker: string, stream: 'out' | 'err', line: string) => void

/** Of every service, also of those that an apply adds later. */
function followLines(engine: Engine, onLine: OnLine): void {
  const followed = new Set<string>()
  const follow = (services: readonly string[]) => {
    for (const service of services) followed.add(service)
    engine.onLine(services, ({ worker, stream, line }) => onLine(worker, stream, line))
  }
  follow(engine.status().services.map(({ name }) => name))
  // The first news of a service comes before its first line of output.
  engine.onEvent(({ service }) => {
    if (service !== undefined && !followed.has(service)) follow([service])
  })
}
