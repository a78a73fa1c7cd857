// A running supervisor reads its config again in a process of its own: the parser's memory does not stay, and a config
// module's code never runs in the supervisor.
import { closeSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import { openDevNull } from '../os/fifo.ts'
import { watchExit } from '../os/pidfd.ts'
import { type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'
import { signalGroup, signalProcess } from '../os/send-signal.ts'
import { spawnProcess } from '../os/spawn.ts'
import { VERSION } from '../supervisor/version.ts'

export interface ReloadOptions {
  /** What is run: argv of a program that writes the result to the file named by its last argument. */
  readonly command: readonly string[]
  /** `NAME=value`: as it was at `up`, so that the config means the same. */
  readonly environment: readonly string[]
  /** Where it runs, and for the result, readable by us alone. */
  readonly directory: string
  /** ms; a config module may run for 30 s. */
  readonly timeout?: number
  /** Ends the reading: the supervisor goes, and its runtime directory with it. */
  readonly signal?: AbortSignal
}

const TIMEOUT = 60_000
const SIGKILL = 9
let reloads = 0

type Result = { version: string; spec?: SupervisorSpec; error?: { code: string; detail: HoldfastError['detail'] } }

/** @throws HoldfastError HF_CONFIG_INVALID (with all problems as text in `detail.problems`), HF_CONFIG_RELOAD */
export async function readConfigInChild({
  command,
  environment,
  directory,
  timeout = TIMEOUT,
  signal,
}: ReloadOptions): Promise<SupervisorSpec> {
  const resultFile = join(directory, `config.${process.pid}.${++reloads}.json`)
  try {
    await runToItsEnd([...command, resultFile], environment, directory, { timeout, signal })
    return specFrom(parseResult(resultFile))
  } finally {
    rmSync(resultFile, { force: true })
  }
}

/** Its exit code is not needed (and in the supervisor its reaper has it): what counts is the result. */
async function runToItsEnd(
  argv: readonly string[],
  env: readonly string[],
  cwd: string,
  { timeout, signal }: { timeout: number; signal: AbortSignal | undefined },
): Promise<void> {
  const devNull = openDevNull()
  const [file = ''] = argv
  let identity: ProcessIdentity
  try {
    const pid = spawnProcess({
      file,
      argv,
      env,
      cwd,
      fds: [devNull, devNull, 2],
      session: true,
      softNoFile: null,
    })
    identity = { pid, startTime: startTimeOf(pid) ?? 0 }
  } finally {
    closeSync(devNull)
  }
  await new Promise<void>((resolve, reject) => {
    const giveUp = (error: HoldfastError): void => {
      // A config module runs in a process below it, in the same group. Not reaped before this turn ends, so the number is its own.
      if (signalProcess(identity, SIGKILL) === 'sent') signalGroup(identity.pid, SIGKILL)
      reject(error)
    }
    const late = (): void =>
      giveUp(new HoldfastError('HF_CONFIG_RELOAD', { problem: `it took longer than ${timeout / 1000} s` }))
    const timer = setTimeout(late, timeout)
    const onAbort = (): void => giveUp(new HoldfastError('HF_GOING_DOWN'))
    signal?.addEventListener('abort', onAbort)
    watchExit(identity, () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
  })
}

function parseResult(file: string): Result {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new HoldfastError(
      'HF_CONFIG_RELOAD',
      { problem: 'the process that reads it ended without a result; its last words are in the log of the supervisor' },
      { cause: error },
    )
  }
}

function specFrom({ version, spec, error }: Result): SupervisorSpec {
  // After an update of the package what is on disk may mean something else than what runs.
  if (version !== VERSION) {
    const problem = `holdfast ${version} is installed, the supervisor is ${VERSION}; run holdfast down, then holdfast up`
    throw new HoldfastError('HF_CONFIG_RELOAD', { problem })
  }
  if (spec) return spec
  throw new HoldfastError((error?.code ?? 'HF_CONFIG_INVALID') as ErrorCode, error?.detail ?? {})
}
