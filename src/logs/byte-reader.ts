// What a capture reads from.

export interface ByteListener {
  /** As long as there is something to read (level-triggered). */
  onReadable(): void
  /** The fd is about to be closed; there will be another one. */
  onPark?(fd: number): void
}

/** A FIFO, or what stands for one. */
export interface ByteReader {
  /** Null where there is none, or none now. */
  readonly fd: number | null
  listen(listener: ByteListener): void
  /** Reads what is there; 0 when there is nothing now. */
  read(buffer: Buffer): number
  /** No callbacks until `resume`. */
  pause(): void
  resume(): void
  /** As pause and resume, for another reason: both have to be over. */
  hold(): void
  letGo(): void
  close(): void
}
