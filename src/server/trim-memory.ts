// A start of 1,000 services makes V8's heap grow to four times what lives in it afterwards (66 MB for 17), and an idle
// process does not give it back. The daemon does, when it has become quiet; an embedded engine leaves its host's heap alone.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { trimMalloc } from '../os/malloc-trim.ts'
import type { Engine } from '../supervisor/engine-api.ts'

/** Quiet for so long, in milliseconds. */
const QUIET = 3_000
/**
 * A plain collection frees, the second compacts (`last-resort`), the third returns the pages: measured with 1,000 services,
 * 71, 59 and 28 MB of anonymous memory. A second between them, for V8's own threads to finish.
 */
const ROUNDS = [{}, { type: 'major', execution: 'sync', flavor: 'last-resort' }, {}] as const
const BETWEEN_ROUNDS = 1_000
/** Less is not worth a pause of some 30 ms. */
const WORTH = 4 * 1024 * 1024

export function trimMemoryWhenQuiet(engine: Engine): void {
  let lastEvent = performance.now()
  let watching = false
  let afterLastTrim = 0
  const look = (): void => {
    const quietFor = performance.now() - lastEvent
    if (quietFor < QUIET) return wait(QUIET - quietFor)
    watching = false
    if (process.memoryUsage().heapTotal - afterLastTrim < WORTH) return
    trim(0)
  }
  const trim = (round: number): void => {
    const options = ROUNDS[round]
    if (options === undefined) {
      trimMalloc()
      afterLastTrim = process.memoryUsage().heapTotal
      return
    }
    collectGarbage(options)
    setTimeout(() => trim(round + 1), BETWEEN_ROUNDS).unref()
  }
  const wait = (milliseconds: number): void => {
    watching = true
    setTimeout(look, milliseconds).unref()
  }
  engine.onEvent(() => {
    lastEvent = performance.now()
    if (!watching) wait(QUIET)
  })
  wait(QUIET)
}

let collect: ((options: object) => void) | null = null

function collectGarbage(options: object): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as (options: object) => void
  }
  collect(options)
}
