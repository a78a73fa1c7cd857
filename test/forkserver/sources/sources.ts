/** The programs that the tests use, in one language. */
export interface Sources {
  /** The application: report, returns, raises, exits (3), killed (9), randoms, announces (exit handlers, output), lingers. */
  readonly app: string
  /** The same as report, as a file. */
  readonly report: string
  /** Hooks before and after the fork, which append to the file HOOKS. */
  readonly hooks: string
  /** Holds a listening TCP socket, its address in the file ADDRESS, and a thread "worker-1" where the language has them. */
  readonly unsafe: string
  /** The same, but closes the socket before a fork; without a thread. */
  readonly tidy: string
  /** Writes to its standard output without a newline, and registers an exit handler, which writes, too. */
  readonly noisy: string
  /** Keeps the file HELD open. */
  readonly holds: string
  /** Can not be loaded: names no_such_module. */
  readonly broken: string
  /** Is loaded and wants to be called. */
  readonly callable: string
}
