// What every measurement is given.
import type { CProgram } from './c-programs.ts'
import type { Scratch } from './scratch.ts'

export interface BenchRun {
  readonly root: string
  /** The `holdfast` command to measure. */
  readonly cli: string
  /** Shorter series: to see that everything works, not to compare. */
  readonly quick: boolean
  readonly scratch: Scratch
  readonly programs: Readonly<Record<CProgram, string>>
  readonly progress: (text: string) => void
}
