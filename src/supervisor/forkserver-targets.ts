// `forkserver:app`, and globs of it, among the targets of a command.
import picomatch from 'picomatch'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { targetName } from './forkserver-name.ts'

const PREFIX = targetName('')

export interface SplitTargets {
  readonly services: readonly string[]
  /** Names of forkservers, without the word before them. */
  readonly forkservers: readonly string[]
}

/** @throws HoldfastError HF_TARGET_UNKNOWN for a forkserver that there is not */
export function splitTargets(targets: readonly string[], forkservers: readonly string[]): SplitTargets {
  const named = targets.filter((target) => target.startsWith(PREFIX))
  const found = new Set<string>()
  for (const target of named) {
    const name = target.slice(PREFIX.length)
    // An unset variable in a script is not `all`.
    const matching = name === '' ? [] : forkservers.filter((one) => picomatch.isMatch(one, name))
    if (matching.length === 0) {
      const known = forkservers.map(targetName).join(', ') || 'no forkservers'
      throw new HoldfastError('HF_TARGET_UNKNOWN', { target, known })
    }
    for (const name of matching) found.add(name)
  }
  return { services: targets.filter((target) => !target.startsWith(PREFIX)), forkservers: [...found] }
}
