// Words of a command line, taken apart as POSIX and GNU do. node:util's parseArgs does the same, and takes 1.2 ms of every
// `status` to load: a twentieth of a bare Node start.

export interface OptionShape {
  readonly long: string
  readonly short?: string
  /** Set: it takes a value. */
  readonly value?: string
}

export type OptionToken =
  | { readonly kind: 'positional'; readonly value: string }
  /** `name` is the long one, null if it is unknown; `rawName` as it was written. */
  | { readonly kind: 'option'; readonly name: string | null; readonly rawName: string; readonly value?: string }

/** `--name value`, `--name=value`, `-n value`, `-nvalue`, `-qf`; behind `--` and for numbers (`-2`) a word is what it is. */
export function tokenize(words: readonly string[], shapes: readonly OptionShape[]): OptionToken[] {
  const tokens: OptionToken[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '--')
      return [...tokens, ...words.slice(at + 1).map((value) => ({ kind: 'positional', value }) as const)]
    if (word === '-' || !word.startsWith('-') || /^-\d+$/.test(word)) tokens.push({ kind: 'positional', value: word })
    else if (word.startsWith('--')) at += pushLong(tokens, word, words[at + 1], shapes)
    else at += pushShorts(tokens, word, words[at + 1], shapes)
  }
  return tokens
}

/** @returns how many further words were taken */
function pushLong(
  tokens: OptionToken[],
  word: string,
  next: string | undefined,
  shapes: readonly OptionShape[],
): number {
  const equals = word.indexOf('=')
  const rawName = equals < 0 ? word : word.slice(0, equals)
  const shape = shapes.find(({ long }) => `--${long}` === rawName)
  return push(tokens, shape, rawName, equals < 0 ? undefined : word.slice(equals + 1), next)
}

function pushShorts(
  tokens: OptionToken[],
  word: string,
  next: string | undefined,
  shapes: readonly OptionShape[],
): number {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? ''
    const shape = shapes.find(({ short }) => short === letter)
    if (shape?.value === undefined) push(tokens, shape, `-${letter}`, undefined, undefined)
    else return push(tokens, shape, `-${letter}`, word.slice(at + 1) || undefined, next)
  }
  return 0
}

function push(
  tokens: OptionToken[],
  shape: OptionShape | undefined,
  rawName: string,
  attached: string | undefined,
  next: string | undefined,
): number {
  // A value that looks like an option is one that was forgotten.
  const follows = shape?.value !== undefined && attached === undefined && next !== undefined && !/^-\D/.test(next)
  const value = attached ?? (follows ? next : undefined)
  tokens.push({ kind: 'option', name: shape?.long ?? null, rawName, ...(value === undefined ? {} : { value }) })
  return follows ? 1 : 0
}
