// Medians and ratios: on a shared machine a single figure means little, a mean is ruled by its worst sample.

/** `share` of 0.5 is the median. @throws if there is no sample */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  if (below === undefined || above === undefined) throw new Error('no samples')
  return below + (above - below) * (position - Math.floor(position))
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

/** Ratio of each pair that was measured side by side. */
export function pairRatios(samples: readonly number[], floor: readonly number[]): number[] {
  return samples.flatMap((sample, index) => {
    const pair = floor[index]
    return pair === undefined ? [] : [sample / pair]
  })
}

export interface Spread {
  readonly median: number
  readonly p95: number
  readonly min: number
  readonly max: number
  readonly samples: number
}

export function spread(samples: readonly number[]): Spread {
  return {
    median: median(samples),
    p95: percentile(samples, 0.95),
    min: percentile(samples, 0),
    max: percentile(samples, 1),
    samples: samples.length,
  }
}
