/** The end of one listener of this worker, step by step. */
export interface Drain {
  /** Accept no more, let what is under way finish; resolves when the last connection is gone. */
  begin(): Promise<void>
  /** Time is nearly up: say goodbye (FIN) to connections that are not in the middle of an answer. */
  endIdle(): void
  /** Time is up. */
  destroy(): void
}
