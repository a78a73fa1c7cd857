// What ps and top show of the processes of a server.
import type { ServerOptions, TitleSettings } from './server-options.ts'

/** Of one process. */
export interface Title {
  readonly main: string
  /** Until its promotion. */
  readonly standby: string
}

/** From now on. @returns what shows that it is main, unless the program has set a title of its own meanwhile */
export function showTitle(title: Title | null, role: 'main' | 'standby'): () => void {
  if (title === null) return () => {}
  process.title = title[role]
  // What had no room is cut off.
  const shown = process.title
  return () => {
    if (process.title === shown) process.title = title.main
  }
}

const DEFAULTS: Required<TitleSettings> = {
  supervisor: '%n: supervisor',
  server: '%n: server',
  forkserver: '%n: forkserver',
  worker: '%n: worker %s',
  standby: '%t - standby',
}

/** Null: it keeps its command line. @param slot number of the worker, or of the server, from 0 */
export function titleOf(
  which: 'supervisor' | 'server' | 'forkserver' | 'worker',
  { name, titles = {} }: Pick<ServerOptions, 'name' | 'titles'>,
  slot: number,
): Title | null {
  if (titles === false) return null
  const patterns = { ...DEFAULTS, ...titles }
  const filled = (pattern: string, title: string): string =>
    pattern.replace(/%[nst]/g, (mark) => (mark === '%n' ? name : mark === '%s' ? String(slot) : title))
  const main = filled(patterns[which], '')
  return main === '' ? null : { main, standby: filled(patterns.standby, main) }
}
