// Commands that we tell people to type: as they called us, for the config that they named.
import { shellWord } from './shell-words.ts'

/** `status` → `npx holdfast -c shop.yaml status`. */
export type TypedCommand = (words: string) => string

/** -c and --socket as they were typed. */
interface Named {
  readonly config: string | null
  readonly socket: string | null
}
type Environment = Readonly<Record<string, string | undefined>>

/** These are about a config; a socket says nothing to them. */
const OF_CONFIG = /^(?:up|check|config)\b/

export function typedCommand(
  { config, socket }: Named,
  environment: Environment,
  program = process.argv[1] ?? '',
): TypedCommand {
  const name = calledThroughNpm(environment, program) ? 'npx holdfast' : 'holdfast'
  const file = config === null ? '' : ` -c ${shellWord(config)}`
  return (words) => {
    const at = socket === null || OF_CONFIG.test(words) ? '' : ` --socket ${shellWord(socket)}`
    return `${name}${file}${at} ${words}`
  }
}

/** Each `holdfast VERB …` in a hint, as the user would have to type it. */
export function typedHint(hint: string, typed: TypedCommand): string {
  return hint.replace(/\bholdfast (--help|[a-z]+)/g, (_whole, verb: string) => typed(verb))
}

/** `npx holdfast`, `npm start`: then nobody has it on the PATH. */
function calledThroughNpm(environment: Environment, program: string): boolean {
  if (program.includes('/node_modules/.bin/')) return true
  const { npm_command: command, npm_execpath: npm, npm_lifecycle_event: script } = environment
  return [command, npm, script].some((value) => value !== undefined && value !== '')
}
