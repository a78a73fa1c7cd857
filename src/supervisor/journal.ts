// Every transition with its cause, in memory for those who listen and on disk for those who ask later.
import { JournalFile } from '../logs/journal-file.ts'
import type { JournalEntry } from './engine-api.ts'

export class Journal {
  readonly file: string
  private readonly sink: JournalFile
  private readonly listeners = new Set<(entry: JournalEntry) => void>()
  private seq = 0
  private closed = false

  constructor(file: string) {
    this.file = file
    this.sink = new JournalFile({ path: file })
  }

  write(entry: Omit<JournalEntry, 'seq' | 'at'>): void {
    const full: JournalEntry = { at: new Date().toISOString(), seq: ++this.seq, ...entry }
    if (!this.closed) this.sink.append(full)
    for (const listener of this.listeners) listener(full)
  }

  subscribe(listener: (entry: JournalEntry) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  flush(): Promise<boolean> {
    return this.sink.flush()
  }

  close(options: { deadline: number }): Promise<boolean> {
    this.closed = true
    return this.sink.close(options)
  }
}
