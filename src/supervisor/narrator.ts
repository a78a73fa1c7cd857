// Journal entries as plain sentences, for people who watch: the progress of an operation, and `up` in the foreground. The
// journal itself stays exact; here a reader need not know our words for the steps of a rollout.
import type { JournalEntry } from './engine-api.ts'

export interface NarratorFacts {
  /** Of the process in service, where the entries so far have not told it. */
  pidOf(worker: string): number | null
  /** Milliseconds that a new process has to stay ready before it takes over. */
  minReady(service: string): number
  /** Workers wanted. */
  desired(service: string): number
}

interface Known {
  /** The process in service, its successor that is on the way, its predecessor that ends. */
  current: number | null
  coming: number | null
  leaving: number | null
  /** The last process that was signalled to end, and with what. */
  signalled: { readonly pid: number; readonly signal: string } | null
}

/** `web/0: new process 4711 is ready, old 4698 is stopping`. Remembers pids from entry to entry. */
export class Narrator {
  readonly #facts: NarratorFacts
  readonly #known = new Map<string, Known>()

  constructor(facts: NarratorFacts) {
    this.#facts = facts
  }

  /** Null: a step that says nothing beyond the ones around it. */
  tell(entry: JournalEntry): string | null {
    const text = entry.worker === undefined ? this.#ofService(entry) : this.#ofWorker(entry, entry.worker)
    if (text === null) return null
    const subject = entry.worker ?? entry.service
    return subject === undefined ? text : `${subject}: ${text}`
  }

  #ofService({ kind, service = '', from, to, reason, generation }: JournalEntry): string | null {
    if (kind !== 'rollout') return reason
    const [cause = reason] = reason.split('; ')
    switch (to) {
      case 'canary':
        return this.#facts.desired(service) > 1 ? `${cause}: one worker first, the others when it is ready` : cause
      case 'rolling':
        // The worker that came first has said so itself.
        return from === 'canary' ? null : cause
      case 'stable':
        return `restart done, generation ${generation} is in service`
      case 'failed':
        return `restart failed: ${reason}`
      case 'cancelled':
        return `restart ${reason}`
      default:
        return reason
    }
  }

  #ofWorker(entry: JournalEntry, worker: string): string | null {
    const known = this.#knownOf(worker)
    const { pid, from, to, reason, event } = entry
    switch (to) {
      case 'starting':
        known.current = pid ?? null
        return startText(reason, pid)
      case 'running':
        return this.#running(entry, known)
      case 'stopping':
        return stoppingText(reason, pid, known)
      case 'stopped':
        return `stopped: ${withoutAsked(reason)}`
      case 'exited':
        return `ended: ${withoutAsked(reason)}`
      case 'fatal':
        return `given up: ${reason}`
      case 'coming':
        if (from === 'none') return comingText(known, pid ?? null)
        return this.#readyBeside(entry)
      case 'gone':
        return goneText(from, reason, known)
      default:
        return event === 'signal' ? signalText(reason, pid, known) : reason
    }
  }

  #running({ pid, from, event }: JournalEntry, known: Known): string {
    const old = known.current
    known.current = pid ?? null
    if (from !== 'running') return `${processText(pid)} is ready`
    known.coming = null
    if (event !== 'swap') return `new ${processText(pid)} is in service`
    known.leaving = old
    return `new ${processText(pid)} is ready, old ${old ?? 'one'} is stopping`
  }

  /** Without a probation it takes over in the same moment, which is told then. */
  #readyBeside({ service = '', pid }: JournalEntry): string | null {
    const minReady = this.#facts.minReady(service)
    return minReady === 0
      ? null
      : `new ${processText(pid)} is ready; it takes over if it stays so for ${minReady / 1000}s`
  }

  #knownOf(worker: string): Known {
    const known = this.#known.get(worker)
    if (known !== undefined) return known
    const made: Known = { current: this.#facts.pidOf(worker), coming: null, leaving: null, signalled: null }
    this.#known.set(worker, made)
    return made
  }
}

function startText(reason: string, pid: number | undefined): string {
  if (reason === 'started') return pid === undefined ? 'starting' : `process ${pid} started`
  if (/^generation \d+ is rolled out$/.test(reason)) return `new ${processText(pid)} started`
  if (reason === 'the back-off is over') return `next try, ${processText(pid)} started`
  return pid === undefined ? reason : `${reason} (process ${pid})`
}

function comingText(known: Known, pid: number | null): string {
  known.coming = pid
  const old = known.current === null ? '' : `, old ${known.current} still serves`
  return `new process${pid === null ? '' : ` ${pid}`} started${old}`
}

function stoppingText(reason: string, pid: number | undefined, { signalled }: Known): string {
  if (reason.includes('its process group is not empty yet')) return reason
  const how = signalled !== null && signalled.pid === pid ? ` with ${signalled.signal}` : ''
  const why = /^makes room for generation/.test(reason) ? 'the new one takes its place' : reason
  return `stopping ${processText(pid)}${how}: ${why}`
}

function goneText(from: string | undefined, reason: string, known: Known): string {
  const pid = from === 'coming' ? known.coming : known.leaving
  if (from === 'coming') known.coming = null
  else known.leaving = null
  return `${from === 'coming' ? 'new' : 'old'} process${pid === null ? '' : ` ${pid}`} is gone: ${withoutAsked(reason)}`
}

/** The first signal comes with the change of state that it causes, which is told; further ones are news. */
function signalText(reason: string, pid: number | undefined, known: Known): string | null {
  const [, signal = '', byOperator] = /^(SIG\w+)( by the operator)?/.exec(reason) ?? []
  if (byOperator !== undefined) return `${signal} sent to ${processText(pid)} by the operator`
  const again = known.signalled !== null && known.signalled.pid === pid
  known.signalled = pid === undefined ? null : { pid, signal }
  return again ? `${processText(pid)} is still there, sent ${signal}` : null
}

function processText(pid: number | undefined): string {
  return pid === undefined ? 'process' : `process ${pid}`
}

/** Who watches has asked, or was told. */
function withoutAsked(reason: string): string {
  return reason.replace(/ \(asked to stop: .*\)$/, '')
}
