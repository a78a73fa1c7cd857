// What a verb is given: its command, the streams, and where it was called.
import type { Paint } from '../control/colours.ts'
import type { Surroundings } from '../server/find-supervisor.ts'
import type { TypedCommand } from '../server/typed-command.ts'
import type { Output } from './output.ts'
import type { Command } from './parse-command.ts'

export interface Context extends Surroundings {
  readonly command: Command
  readonly out: Output
  readonly err: Output
  /** For `out`. */
  readonly paint: Paint
  /** For `err`. */
  readonly paintErr: Paint
  /** What to type for another command about the same supervisor. */
  readonly typed: TypedCommand
}

/** Resolves to the exit code. */
export type RunVerb = (context: Context) => Promise<number>
