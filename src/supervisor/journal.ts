// Every transition with its cause, in memory for those who listen and on disk for those who ask later.
import { JournalFile } from '../logs/journal-file.ts'
import type { JournalEntry } from './engine-api.ts'
import { instanceOf, targetName } from './forkserver-name.ts'

type Unstamped = Omit<JournalEntry, 'seq' | 'at'>

/**
 * An entry is stamped at once, and put into words and handed on when the work of this moment is done: a worker that died is back
 * 0.3 ms earlier for it.
 */
export class Journal {
  readonly file: string
  private readonly sink: JournalFile
  private readonly listeners = new Set<(entry: JournalEntry) => void>()
  private pending: { readonly millis: number; readonly entry: Unstamped }[] = []
  private seq = 0
  private closed = false

  constructor(file: string) {
    this.file = file
    this.sink = new JournalFile({ path: file })
  }

  write(entry: Unstamped): void {
    if (this.pending.length === 0) queueMicrotask(() => this.handOn())
    this.pending.push({ millis: Date.now(), entry: withForkserverNames(entry) })
  }

  /** @returns the unsubscription; who unsubscribes hears what was written until then */
  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.handOn()
    this.listeners.add(listener)
    return () => {
      this.handOn()
      this.listeners.delete(listener)
    }
  }

  flush(): Promise<boolean> {
    this.handOn()
    return this.sink.flush()
  }

  close(options: { deadline: number }): Promise<boolean> {
    this.handOn()
    this.closed = true
    return this.sink.close(options)
  }

  private handOn(): void {
    const entries = this.pending
    this.pending = []
    const stamped = entries.map(({ millis, entry }): JournalEntry => {
      return { at: new Date(millis).toISOString(), seq: ++this.seq, ...entry }
    })
    // On disk first: a listener that fails, or writes an entry itself, changes nothing there.
    if (!this.closed) for (const entry of stamped) this.sink.append(entry)
    for (const entry of stamped) for (const listener of this.listeners) callApart(() => listener(entry))
  }
}

/** Its generations are kept up as services of their own; for people it is one forkserver. */
function withForkserverNames(entry: Unstamped): Unstamped {
  const instance = entry.service === undefined ? null : instanceOf(entry.service)
  if (instance === null || entry.service === undefined) return entry
  return { ...entry, service: targetName(instance.forkserver), worker: entry.service }
}

/** What it throws is the program's own affair, and that of no other listener. */
function callApart(act: () => void): void {
  try {
    act()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
