// Options that can not be, whatever the configuration says: told all at once, before anything is done with them.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { OptionProblem } from '../config/problem.ts'
import { placeProblems } from '../config/program-place.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { hookProblems } from './hook-names.ts'
import { isModule } from './program-file.ts'
import type { ServerOptions } from './server-options.ts'
import { signalMap } from './signal-maps.ts'

type GivenOptions = Readonly<Record<string, unknown>>
type Refuse = (path: string, message: string, hint: string) => void

/** Wrong names and kinds; what can not stand together is looked for when all are right. @param host look at this machine's files */
export async function wrongOptions(
  options: unknown,
  program: string,
  { host }: { readonly host: boolean },
): Promise<readonly OptionProblem[]> {
  const { programProblems } = await import('../config/load.ts')
  const wrong = programProblems(options, dirname(program))
  if (typeof options !== 'object' || options === null) return wrong
  const given = options as GivenOptions
  const problems = [...wrong, ...hookProblems(given), ...signalProblems(given)]
  return problems.length > 0 ? problems : conflicts(options as ServerOptions, host)
}

/** @throws HoldfastError HF_CONFIG_INVALID: the server could not even be looked for */
export function refuseUnplaceable(options: unknown, program: string): void {
  const problems = placeProblems(options, dirname(program))
  if (problems.length > 0) throw invalidOptions((options as GivenOptions | null | undefined)?.name, problems)
}

export function invalidOptions(name: unknown, problems: readonly OptionProblem[]): HoldfastError {
  const lines = problems.map(
    ({ path, message, hint }) => `  ${path === '' ? '' : `${path}: `}${message}${hint === '' ? '' : `\n    ${hint}`}`,
  )
  return new HoldfastError('HF_CONFIG_INVALID', {
    count: problems.length,
    file: typeof name === 'string' ? `the options of server "${name}"` : 'the options of a server',
    problems: lines.join('\n'),
  })
}

function signalProblems({ signals }: GivenOptions): OptionProblem[] {
  if (signals === undefined) return []
  try {
    signalMap(signals as Parameters<typeof signalMap>[0])
    return []
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    return [{ path: 'signals', message: error.message, hint: error.hint }]
  }
}

/** Each is of the right kind by itself. */
function conflicts(options: ServerOptions, host: boolean): readonly OptionProblem[] {
  const problems: OptionProblem[] = []
  const refuse: Refuse = (path, message, hint) => void problems.push({ path, message, hint })
  refuseTier(options, refuse)
  refuseWorker(options, refuse)
  if (host) refuseMissingModule(options, refuse)
  return problems
}

function refuseTier({ supervised, slots, serverProcess, upgrade }: ServerOptions, refuse: Refuse): void {
  if (serverProcess !== undefined && !supervised && slots === undefined)
    refuse('serverProcess', 'nobody is above the server who could see to it', 'Write supervised: true.')
  if (slots !== undefined && 'lock' in slots)
    refuse('slots.lock', 'the slots of a server have a lock of their own', 'Leave it out.')
  if (serverProcess?.detachWait !== undefined && slots !== undefined)
    refuse(
      'serverProcess.detachWait',
      'with slots no server works beside its successor, which has to wait for its end',
      'Say how long a server may take to end: serverProcess: { stop: { timeout: … } }.',
    )
  const stopFile = serverProcess?.stop?.file
  if (stopFile != null && !stopFile.includes('%p'))
    refuse('serverProcess.stop.file', 'during a live restart it would be the file of two servers', WITH_PID)
  if (slots?.promoteSignal != null)
    refuse('slots.promoteSignal', 'a server learns of its promotion without', 'Leave it out; workers have onPromote.')
  if (upgrade === undefined) return
  if (slots === undefined)
    refuse('upgrade', 'without standbys nobody could follow', 'Write slots too, or leave it out.')
  if (upgrade.file === undefined) refuse('upgrade.file', 'it is missing', WITH_PID)
  else if (!upgrade.file.includes('%p')) refuse('upgrade.file', 'it would be the file of all mains', WITH_PID)
}

const WITH_PID = "Write %p where the pid is to be: '/run/shop/%p'."

function refuseWorker(options: ServerOptions, refuse: Refuse): void {
  const { worker, workerType = 'process', command, commandSender, forkserver, slots } = options
  if (workerType !== 'fork' && forkserver !== undefined)
    refuse('forkserver', 'nothing is forked', "Write workerType: 'fork', or leave it out.")
  if (workerType === 'spawn') {
    if (slots !== undefined)
      refuse('slots', 'programs of any kind do not end with their server', 'Use slots of a service in a holdfast.yaml.')
    if (command === undefined) refuse('command', 'it is missing', "With workerType: 'spawn', say what to run.")
    if (isModule(worker)) refuse('worker', 'with workerType: spawn it is command that runs', 'Leave it out.')
    return
  }
  for (const [key, value] of Object.entries({ command, commandSender }))
    if (value !== undefined)
      refuse(key, 'it is for workers that are any program', `Write workerType: 'spawn', or leave it out.`)
  if (worker === undefined) refuse('worker', 'it is missing', A_WORKER)
  else if (typeof worker === 'string' && !URL.canParse(worker))
    refuse('worker', `"${worker}" is not a URL`, `Write new URL('${worker}', import.meta.url).`)
  else if (!isModule(worker) && typeof worker?.run !== 'function') refuse('worker', 'it has no function run', A_WORKER)
}

/** A worker would say the same, at each of its starts. */
function refuseMissingModule({ worker }: ServerOptions, refuse: Refuse): void {
  if (!isModule(worker) || (typeof worker === 'string' && !URL.canParse(worker))) return
  const url = new URL(worker)
  const mend = "Write new URL('./worker.mjs', import.meta.url)."
  if (url.protocol !== 'file:' && url.protocol !== 'data:')
    return refuse('worker', `Node loads no module from ${url.protocol}`, mend)
  if (url.protocol === 'file:' && !existsSync(fileURLToPath(url)))
    refuse('worker', `there is no file ${fileURLToPath(url)}`, mend)
}

const A_WORKER = 'Write worker: { async run(ctx) { … } }, or the URL of a module.'
