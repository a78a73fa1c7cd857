// Where the SDK and the forkserver meet, whichever of them is loaded first.

type Hook = () => unknown

interface ForkHooks {
  /** In the forkserver before each fork. */
  readonly before: Hook[]
  /** In the child, before `after`: the SDK reads its environment again. */
  readonly adopt: Hook[]
  /** In the child, before its entry runs. */
  readonly after: Hook[]
}

const KEY = Symbol.for('holdfast.fork')
type Meeting = { [KEY]?: ForkHooks }

function hooks(): ForkHooks {
  const meeting = globalThis as Meeting
  meeting[KEY] ??= { before: [], after: [], adopt: [] }
  return meeting[KEY]
}

/** The last registered first: what was built on something is closed before it. */
export async function runBeforeFork(): Promise<void> {
  for (const hook of [...hooks().before].reverse()) await hook()
}

export async function runAfterFork(): Promise<void> {
  for (const hook of [...hooks().adopt, ...hooks().after]) await hook()
}
