// What `up` shows in the foreground: a banner for who sees it the first time, the services' output, what happens to them.

import { isColoured, type Paint } from '../control/colours.ts'
import { printableCount } from '../control/human-units.ts'
import { onNewLogs } from '../control/new-logs.ts'
import { ForegroundOutput } from '../logs/foreground.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import { terminalWriter } from '../logs/terminal-writer.ts'
import type { Engine, JournalEntry } from '../supervisor/engine-api.ts'
import { Narrator } from '../supervisor/narrator.ts'
import { VERSION } from '../supervisor/version.ts'

export interface ForegroundView {
  say(text: string): void
  event(entry: JournalEntry): void
  /** Waits until the terminal has taken what there is, but not for ever. */
  flush(): Promise<void>
}

export interface ForegroundOptions {
  /** Only the output of the services. */
  readonly quiet: boolean
  /** `supervisor of "shop"` */
  readonly who: string
  /** What to type in another terminal. */
  readonly statusCommand: string
}

export function openForegroundView(engine: Engine, paint: Paint, options: ForegroundOptions): ForegroundView {
  const { quiet } = options
  const output = new ForegroundOutput({ color: isColoured(paint), write: terminalWriter(1) })
  const say = (text: string, tone: 'usual' | 'trouble' = 'usual') => {
    if (!quiet) output.event(`holdfast: ${text}`, tone)
  }
  // By the config: the services need not be there yet.
  const services = Object.values(engine.spec.services)
  for (const { name, instances } of services) output.expect(`${name}/${Math.max(0, instances - 1)}`)
  followLines(engine, (worker, stream, line) => output.line(worker, stream, line))
  for (const line of banner(engine, options)) say(line)
  const narrator = narratorOf(engine)
  return {
    say,
    event(entry) {
      if (entry.worker !== undefined) output.expect(entry.worker)
      const text = narrator.tell(entry)
      if (text !== null && isNews(entry)) say(text, isTrouble(entry) ? 'trouble' : 'usual')
    },
    flush: () => output.flush(),
  }
}

function banner(engine: Engine, { who, statusCommand }: ForegroundOptions): string[] {
  const { supervisor, sockets } = engine.status()
  const count = Object.keys(engine.spec.services).length
  const facts = [who, `pid ${supervisor.pid}`, printableCount(count, 'service')]
  return [
    `${VERSION}, ${facts.join(', ')}`,
    ...sockets.map(({ name, listen }) => `socket ${name} listens on ${listen}`),
    `look at it from another terminal: ${statusCommand}`,
    'Ctrl-C stops everything',
  ]
}

/** That something starts or is asked to stop is not: becoming ready, ending, failing and being replaced is. */
function isNews({ kind, event, from, to }: JournalEntry): boolean {
  if (kind === 'supervisor') return event !== 'up'
  if (to === 'starting') return from === 'running' || from === 'starting' || from === 'stopping'
  return to !== 'stopping' && !(to === 'coming' && from === 'none')
}

function isTrouble({ kind, to, event }: JournalEntry): boolean {
  return to === 'backoff' || to === 'fatal' || (kind === 'rollout' && to === 'failed') || event === 'trouble'
}

function narratorOf(engine: Engine): Narrator {
  // It sees every process come: there is none that it would have to ask for.
  return new Narrator({
    pidOf: () => null,
    minReady: (service) => engine.spec.services[service]?.rollout.minReady ?? 0,
    desired: (service) => engine.spec.services[service]?.instances ?? 0,
  })
}

type OnLine = (worker: string, stream: 'out' | 'err', line: string) => void

/** Of every service; an old log is followed on when a new one comes: it still has the last words of the process that goes. */
function followLines(engine: Engine, onLine: OnLine): void {
  const follow = (log: ServiceLog): void => {
    log.onLine(({ worker, stream, line }) => onLine(worker, stream, line))
  }
  for (const log of engine.serviceLogs(null)) follow(log)
  onNewLogs(engine, (_service, log) => follow(log))
}
