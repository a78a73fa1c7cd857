export interface WaitOptions {
  /** Milliseconds, default 10 s. */
  readonly within?: number
  /** Between two looks, default 20 ms. */
  readonly every?: number
  /** `throw` by default. */
  readonly orElse?: 'throw' | 'continue'
  /** Said when it fails. */
  readonly what?: string
}

/** Looks until `condition` returns something true, and returns that. */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { within = 10_000, every = 20, orElse = 'throw', what = 'the condition' } = options
  const until = performance.now() + within
  for (;;) {
    const value = await condition()
    if (value || (performance.now() > until && orElse === 'continue')) return value
    if (performance.now() > until) throw new Error(`${what} did not come true within ${within} ms`)
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}
