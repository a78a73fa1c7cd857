import type { LogLine } from './log-line.ts'

/**
 * The lines of several logs in the order of their times; each log keeps its own order. Lines without a time (of raw
 * files) stay with the line before them. @param options.last only the last so many of all
 */
export async function* mergeLogs(
  sources: readonly AsyncIterable<LogLine>[],
  options: { last?: number } = {},
): AsyncGenerator<LogLine> {
  const last = options.last ?? Number.POSITIVE_INFINITY
  if (!Number.isFinite(last)) {
    yield* inOrder(sources)
    return
  }
  let kept: LogLine[] = []
  for await (const line of inOrder(sources)) {
    kept.push(line)
    if (kept.length >= 2 * last + 100) kept = last > 0 ? kept.slice(-last) : []
  }
  if (last > 0) yield* kept.slice(-last)
}

interface Head {
  readonly iterator: AsyncIterator<LogLine>
  line: LogLine
  /** Time of the line, or of the last line before it that has one. */
  at: string
}

async function* inOrder(sources: readonly AsyncIterable<LogLine>[]): AsyncGenerator<LogLine> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]())
  try {
    const first = await Promise.all(iterators.map((iterator) => iterator.next()))
    let heads: Head[] = []
    for (const [index, iterator] of iterators.entries()) {
      const result = first[index]
      if (result !== undefined && !result.done) heads.push({ iterator, line: result.value, at: result.value.at })
    }
    while (heads.length > 0) {
      const earliest = heads.reduce((best, head) => (head.at < best.at ? head : best))
      yield earliest.line
      const result = await earliest.iterator.next()
      if (result.done) heads = heads.filter((head) => head !== earliest)
      else {
        earliest.line = result.value
        // A clock that was set back must not hold the other logs up.
        if (result.value.at > earliest.at) earliest.at = result.value.at
      }
    }
  } finally {
    // Left early: the files behind have to be closed.
    await Promise.all(iterators.map((iterator) => iterator.return?.()))
  }
}
