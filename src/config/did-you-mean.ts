/** The name nearest to `given`, or null when none is near enough to be what was meant. */
export function nearestName(given: string, names: Iterable<string>): string | null {
  const plainGiven = plainName(given)
  let best: string | null = null
  // A third of the letters may be wrong: "restrat" finds "restart", "xyz" finds nothing.
  let bestDistance = Math.max(1, Math.floor(given.length / 3)) + 1
  for (const name of names) {
    const distance =
      plainName(name) === plainGiven ? 0 : editDistance(given.toLowerCase(), name.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** `max_retries`, `max-retries` and `maxRetries` are the same word. */
export function plainName(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase()
}

/** Levenshtein distance with swaps of neighbours counted as one; gives up at `limit`. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    if (Math.min(...row) >= limit) return limit
    beforeLast = last
    last = row
  }
  return Math.min(last[b.length] ?? limit, limit)
}

/** `Did you mean "restart"?`, or the known names when nothing is near. */
export function suggestion(given: string, names: readonly string[], what: string): string {
  const near = nearestName(given, names)
  if (near !== null) return `Did you mean "${near}"?`
  return names.length === 0 ? `There is no ${what} here.` : `Known: ${listNames(names)}`
}

function listNames(names: readonly string[]): string {
  const shown = [...names].sort().slice(0, 40)
  return shown.join(', ') + (names.length > shown.length ? ', …' : '')
}
