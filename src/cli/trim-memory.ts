// A start of 1,000 services makes V8's heap grow to four times what lives in it afterwards (66 MB for 17), and an idle
// process does not give it back. The daemon does, when it has become quiet; an embedded engine leaves its host's heap alone.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Engine } from '../supervisor/engine-api.ts'

/** Quiet for so long, in milliseconds. */
const QUIET = 3_000
/** V8 returns the pages that one collection emptied with the next. */
const SECOND = 1_000
/** Less is not worth a pause of some 30 ms. */
const WORTH = 12 * 1024 * 1024

export function trimMemoryWhenQuiet(engine: Engine): void {
  let lastEvent = performance.now()
  let watching = false
  let afterLastTrim = process.memoryUsage().heapTotal
  const look = (): void => {
    const quietFor = performance.now() - lastEvent
    if (quietFor < QUIET) return wait(QUIET - quietFor)
    watching = false
    if (process.memoryUsage().heapTotal - afterLastTrim < WORTH) return
    collectGarbage()
    setTimeout(() => {
      collectGarbage()
      afterLastTrim = process.memoryUsage().heapTotal
    }, SECOND).unref()
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

let collect: (() => void) | null = null

function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
