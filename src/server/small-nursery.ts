/**
 * V8's young generation at 1 MB instead of 16: a supervisor of 1,000 services starts with 44 MB instead of 70, as fast.
 * V8 refuses bytecode that was recorded under other flags.
 */
export const SMALL_NURSERY = '--max-semi-space-size=1'
