// RUNNER [--preload X]… [--allow sockets,timers,threads] [--fork-timeout MS] [--refork]
// RUNNER --cold [--preload X]… [--entry E]

export interface RunnerArguments {
  readonly cold: boolean
  readonly preload: readonly string[]
  readonly entry: string | null
  readonly allow: ReadonlySet<string>
  /** Milliseconds from the fork until the worker must have verified itself. */
  readonly forkTimeout: number
  /** A worker may become the next forkserver. */
  readonly refork: boolean
}

const FORK_TIMEOUT = 5000

/** @throws Error naming the argument that is not known */
export function parseArguments(words: readonly string[]): RunnerArguments {
  const parsed = {
    cold: false,
    refork: false,
    preload: [] as string[],
    entry: null as string | null,
    forkTimeout: FORK_TIMEOUT,
  }
  let allow: ReadonlySet<string> = new Set()
  const rest = [...words]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--cold') parsed.cold = true
    else if (word === '--refork') parsed.refork = true
    else if (word === '--preload') parsed.preload.push(wordAfter(word, rest))
    else if (word === '--entry') parsed.entry = wordAfter(word, rest)
    else if (word === '--allow') allow = new Set(wordAfter(word, rest).split(',').filter(Boolean))
    else if (word === '--fork-timeout') parsed.forkTimeout = Number(wordAfter(word, rest)) || FORK_TIMEOUT
    else throw new Error(`unknown argument ${word}`)
  }
  return { ...parsed, allow }
}

function wordAfter(option: string, rest: string[]): string {
  const value = rest.shift()
  if (value === undefined) throw new Error(`${option} needs a value`)
  return value
}
