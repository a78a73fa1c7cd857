// Options that can not be, whatever the configuration says.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { OptionProblem } from '../config/program-options.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isModule } from './program-file.ts'
import type { ServerOptions } from './server-options.ts'
import { signalMap } from './signal-maps.ts'

type Refuse = (path: string, message: string, hint: string) => void

/** All of them: of wrong types and with keys that nobody knows; only where there are none, what can not stand together. */
export async function wrongOptions<Config>(
  options: ServerOptions<Config>,
  { host }: { readonly host: boolean },
): Promise<readonly OptionProblem[]> {
  const { optionProblems } = await import('../config/load.ts')
  const problems = [...optionProblems(options)]
  const refuse: Refuse = (path, message, hint) => void problems.push({ path, message, hint })
  if (problems.length === 0) {
    refuseTier(options, refuse)
    refuseWorker(options, refuse)
    if (host) refuseMissingModule(options, refuse)
  }
  refuseSignals(options, refuse)
  return problems
}

function refuseSignals({ signals }: Pick<ServerOptions, 'signals'>, refuse: Refuse): void {
  if (signals === undefined) return
  try {
    signalMap(signals)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    refuse('signals', error.message, error.hint)
  }
}

function refuseTier(
  {
    supervised,
    slots,
    serverProcess,
    upgrade,
  }: Pick<ServerOptions, 'supervised' | 'slots' | 'serverProcess' | 'upgrade'>,
  refuse: Refuse,
): void {
  if (serverProcess !== undefined && !supervised && slots === undefined)
    refuse('serverProcess', 'nobody is above the server who could see to it', 'Write supervised: true.')
  const stopFile = serverProcess?.stop?.file
  if (stopFile != null && !stopFile.includes('%p'))
    refuse('serverProcess.stop.file', 'during a live restart it would be the file of two servers', WITH_PID)
  if (upgrade === undefined) return
  if (slots === undefined)
    refuse('upgrade', 'without standbys nobody could follow', 'Write slots too, or leave it out.')
  if (!upgrade.file.includes('%p')) refuse('upgrade.file', 'it would be the file of all mains', WITH_PID)
}

const WITH_PID = "Write %p where the pid is to be: '/run/shop/%p'."

function refuseWorker<Config>(
  { worker, workerType = 'process', command, commandSender, slots }: ServerOptions<Config>,
  refuse: Refuse,
): void {
  if (workerType === 'fork')
    refuse('workerType', 'fork is not available yet: it needs a forkserver', "Write 'process'.")
  if (workerType === 'spawn') {
    if (slots !== undefined)
      refuse('slots', 'programs of any kind do not end with their server', 'Use slots of a service in a holdfast.yaml.')
    if (command === undefined) refuse('command', 'it is missing', "With workerType: 'spawn', say what to run.")
    return
  }
  for (const [key, given] of Object.entries({ command, commandSender }))
    if (given !== undefined)
      refuse(key, `a worker of type ${workerType} has none`, "Write workerType: 'spawn', or leave it out.")
  if (typeof worker === 'string' && !URL.canParse(worker))
    return refuse('worker', `"${worker}" is not a URL`, `Write new URL('${worker}', import.meta.url).`)
  const isDefinition = typeof worker === 'object' && worker !== null && 'run' in worker
  if (worker === undefined || !(isModule(worker) || (isDefinition && typeof worker.run === 'function')))
    refuse('worker', 'it has no function run', 'Write worker: { async run(ctx) { … } }, or the URL of a module.')
}

/** A worker would say the same, at each of its starts. */
function refuseMissingModule<Config>({ worker }: ServerOptions<Config>, refuse: Refuse): void {
  if (!isModule(worker) || (typeof worker === 'string' && !URL.canParse(worker))) return
  const url = new URL(worker)
  const mend = "Write new URL('./worker.mjs', import.meta.url)."
  if (url.protocol !== 'file:' && url.protocol !== 'data:')
    return refuse('worker', `Node loads no module from ${url.protocol}`, mend)
  if (url.protocol === 'file:' && !existsSync(fileURLToPath(url)))
    refuse('worker', `there is no file ${fileURLToPath(url)}`, mend)
}
