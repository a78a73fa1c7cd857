import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import { parseArguments } from './arguments.ts'
import { runCold } from './cold.ts'
import { runForkserver } from './run-forkserver.ts'

const STDERR = 2
const USAGE = 2

try {
  const parsed = parseArguments(process.argv.slice(2))
  if (parsed.cold) void runCold(parsed)
  else void runForkserver(parsed)
} catch (error) {
  writeSync(STDERR, `holdfast forkserver: ${inspect(error)}\n`)
  process.exit(USAGE)
}
