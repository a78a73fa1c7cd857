// What all processes of a service find in their environment, in the form that a spawn needs. Put together once per spec, not at
// each start: of the 40 variables that a process usually gets, 30 are the supervisor's own.
import type { ServiceSpec } from '../config/effective.ts'
import { isShellVariableName } from '../os/exec-chain.ts'
import { accountEnvironment } from './exec-settings.ts'
import { isOurs } from './process-environment.ts'

export interface Base {
  /** `NAME=value` */
  readonly lines: readonly string[]
  readonly path: string | undefined
  /** Lines whose names a shell can not spell, and drops. */
  readonly shellUnsafe: readonly string[]
  /** Names among them that a process may be given by us as well: ours wins. */
  readonly contested: readonly string[]
}

export class BaseEnvironment {
  private readonly inherited: Readonly<Record<string, string>>
  private readonly plain: Base
  private readonly bySpec = new WeakMap<ServiceSpec, Base>()

  constructor(inherited: Readonly<Record<string, string>>) {
    this.inherited = inherited
    this.plain = baseOf(inherited)
  }

  of(spec: ServiceSpec): Base {
    if (spec.user === null && Object.keys(spec.env).length === 0) return this.plain
    const known = this.bySpec.get(spec)
    if (known !== undefined) return known
    const made = baseOf({ ...this.inherited, ...accountEnvironment(spec), ...spec.env })
    this.bySpec.set(spec, made)
    return made
  }

  /** With what this one process gets on top. */
  linesFor(spec: ServiceSpec, gifts: Readonly<Record<string, string>>): string[] {
    const { lines, contested } = this.of(spec)
    const overruled = contested.filter((name) => name in gifts)
    const kept =
      overruled.length === 0 ? lines : lines.filter((line) => !overruled.some((name) => line.startsWith(`${name}=`)))
    const all = [...kept]
    for (const name in gifts) all.push(`${name}=${gifts[name]}`)
    return all
  }
}

export function baseOf(environment: Readonly<Record<string, string>>): Base {
  const entries = Object.entries(environment)
  const lines = entries.map(([name, value]) => `${name}=${value}`)
  return {
    lines,
    path: environment.PATH,
    shellUnsafe: lines.filter((_, index) => !isShellVariableName(entries[index]?.[0] ?? '')),
    contested: Object.keys(environment).filter(isOurs),
  }
}
