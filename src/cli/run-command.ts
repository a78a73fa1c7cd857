// One call of `holdfast`: parse, run the verb, turn every error into a sentence and an exit code.

import { paintFor } from '../control/colours.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { type ErrorStyle, errorText } from '../server/error-text.ts'
import type { Surroundings } from '../server/find-supervisor.ts'
import { typedCommand } from '../server/typed-command.ts'
import { VERSION } from '../supervisor/version.ts'
import { apply } from './apply.ts'
import { check } from './check.ts'
import { config } from './config.ts'
import type { RunVerb } from './context.ts'
import { down } from './down.ts'
import { dump } from './dump.ts'
import { evaluate } from './evaluate.ts'
import { events } from './events.ts'
import { generalHelp, verbHelp } from './help.ts'
import { logs } from './logs.ts'
import { operate } from './operate.ts'
import { type Output, ReaderGone } from './output.ts'
import { type Command, parseCommand } from './parse-command.ts'
import { status } from './status.ts'
import { why } from './why.ts'

export interface Streams {
  readonly out: Output
  readonly err: Output
}

/** What needs more than the control socket, the supervisor and the config's loader, is a bundle of its own. */
const RUNNERS: Readonly<Record<string, RunVerb>> = {
  status,
  start: operate,
  stop: operate,
  restart: operate,
  reload: operate,
  scale: operate,
  signal: operate,
  failover: operate,
  logs,
  events,
  why,
  down,
  dump,
  up: async (context) => (await import('./supervise.ts')).up(context),
  supervise: async (context) => (await import('./supervise.ts')).supervise(context),
  check,
  config,
  apply,
  evaluate,
}

const USAGE = 2

/** Resolves to the exit code; never rejects. */
export async function runCommand(argv: readonly string[], streams: Streams, around: Surroundings): Promise<number> {
  const noColor = argv.includes('--no-color')
  const paint = paintFor(streams.out.isTty, noColor, around.environment)
  const paintErr = paintFor(streams.err.isTty, noColor, around.environment)
  let typed = typedCommand({ config: null, socket: null }, around.environment)
  try {
    if (argv.length === 0) {
      streams.err.write(generalHelp(paintErr))
      return USAGE
    }
    const parsed = parseCommand(argv)
    if (parsed.is === 'command') {
      const { command } = parsed
      typed = typedCommand(command.global, around.environment)
      const context = { ...around, ...streams, paint, paintErr, command, typed }
      return await runnerOf(command)(context).catch((error: unknown) => asUsage(error, command))
    }
    if (parsed.is === 'version') streams.out.write(`${VERSION}\n`)
    else streams.out.write(parsed.verb ? verbHelp(parsed.verb, paint) : generalHelp(paint))
    return 0
  } catch (error) {
    // `holdfast logs | head`: the reader has what it wanted.
    if (error instanceof ReaderGone) return 0
    return complain(error, streams.err, { paint: paintErr, typed, json: argv.includes('--json') })
  }
}

/** What the supervisor can not make sense of was typed here. */
function asUsage(error: unknown, { verb }: Command): never {
  const { code, detail } = error as HoldfastError
  if (code !== 'HF_BAD_REQUEST') throw error
  throw new HoldfastError('HF_USAGE', { problem: detail.problem ?? '', verb: ` ${verb.name}` }, { cause: error })
}

function runnerOf(command: Command): RunVerb {
  const run = RUNNERS[command.verb.name]
  if (run) return run
  throw new HoldfastError('HF_NOT_AVAILABLE', { what: `holdfast ${command.verb.name}` })
}

function complain(error: unknown, err: Output, style: ErrorStyle): number {
  try {
    err.write(errorText(error, style))
  } catch {
    // Nobody reads stderr either; the exit code remains.
  }
  return error instanceof HoldfastError ? error.exit : 1
}
