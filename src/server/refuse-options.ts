// Options that can not be, whatever the configuration says.
import { suggestion } from '../config/did-you-mean.ts'
import { parseDuration } from '../config/values/duration.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isModule } from './program-file.ts'
import type { ServerOptions, ServerProcessSettings, TitleSettings, UpgradeSettings } from './server-options.ts'

const WORKER_TYPES = ['process', 'thread', 'embedded', 'spawn', 'fork']

/** Keys of the options that are objects. */
const KEYS = {
  serverProcess: ['heartbeat', 'restart', 'stop', 'detachWait', 'enableDetach', 'exitOnDetach'],
  upgrade: ['file', 'timeout'],
  titles: ['supervisor', 'server', 'worker', 'standby'],
} as const satisfies {
  readonly serverProcess: readonly (keyof ServerProcessSettings)[]
  readonly upgrade: readonly (keyof UpgradeSettings)[]
  readonly titles: readonly (keyof TitleSettings)[]
}

type Refuse = (key: string, problem: string, mend: string) => never

/** @throws HoldfastError HF_CONFIG_INVALID */
export function refuseWhatCanNotBe<Config>(options: ServerOptions<Config>): void {
  const refuse: Refuse = (key, problem, mend) => {
    const problems = `  ${key}: ${problem}\n    ${mend}`
    throw new HoldfastError('HF_CONFIG_INVALID', {
      count: 1,
      file: `the options of server "${options.name}"`,
      problems,
    })
  }
  refuseObjects(options, refuse)
  refuseTier(options, refuse)
  refuseWorker(options, refuse)
}

function refuseObjects(options: Pick<ServerOptions, keyof typeof KEYS>, refuse: Refuse): void {
  for (const [option, known] of Object.entries(KEYS)) {
    const given: unknown = options[option as keyof typeof KEYS]
    if (given === undefined || (option === 'titles' && given === false)) continue
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      return refuse(option, 'it is not an object', `Its keys: ${known.join(', ')}.`)
    for (const key of Object.keys(given))
      if (!known.some((name) => name === key))
        refuse(`${option}.${key}`, 'there is no such key', suggestion(key, known, 'key'))
  }
  for (const [key, title] of Object.entries(options.titles || {}))
    if (typeof title !== 'string') refuse(`titles.${key}`, 'it is not a text', "Write '%n: worker %s'.")
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
  const isDuration = (given: unknown): boolean => given === undefined || (parseDuration(String(given)) ?? 0) > 0
  const durations = { 'serverProcess.detachWait': serverProcess?.detachWait, 'upgrade.timeout': upgrade?.timeout }
  for (const [key, given] of Object.entries(durations))
    if (!isDuration(given)) refuse(key, `"${given}" is not a duration`, 'Write 500ms, 10s, 5m or 2h.')
  if (serverProcess !== undefined && !supervised && slots === undefined)
    refuse('serverProcess', 'nobody is above the server who could see to it', 'Write supervised: true.')
  const stopFile = serverProcess?.stop?.file
  if (stopFile != null && !stopFile.includes('%p'))
    refuse('serverProcess.stop.file', 'during a live restart it would be the file of two servers', WITH_PID)
  if (upgrade === undefined) return
  if (slots === undefined)
    refuse('upgrade', 'without standbys nobody could follow', 'Write slots too, or leave it out.')
  if (typeof upgrade.file !== 'string' || !upgrade.file.includes('%p'))
    refuse('upgrade.file', 'it would be the file of all mains', WITH_PID)
}

const WITH_PID = "Write %p where the pid is to be: '/run/shop/%p'."

function refuseWorker<Config>(
  { worker, workerType = 'process', command, slots }: ServerOptions<Config>,
  refuse: Refuse,
): void {
  if (!WORKER_TYPES.includes(workerType)) {
    refuse('workerType', `there is no type "${workerType}"`, `Types: ${WORKER_TYPES.join(', ')}.`)
  }
  if (workerType === 'fork')
    refuse('workerType', 'fork is not available yet: it needs a forkserver', "Write 'process'.")
  if (workerType === 'spawn') {
    if (slots !== undefined)
      refuse('slots', 'programs of any kind do not end with their server', 'Use slots of a service in a holdfast.yaml.')
    if (command === undefined) refuse('command', 'it is missing', "With workerType: 'spawn', say what to run.")
    return
  }
  if (typeof worker === 'string' && !URL.canParse(worker))
    refuse('worker', `"${worker}" is not a URL`, `Write new URL('${worker}', import.meta.url).`)
  const isDefinition = typeof worker === 'object' && worker !== null && 'run' in worker
  if (worker === undefined || !(isModule(worker) || (isDefinition && typeof worker.run === 'function'))) {
    refuse('worker', 'it has no function run', 'Write worker: { async run(ctx) { … } }, or the URL of a module.')
  }
}
