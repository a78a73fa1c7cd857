// Where a server is to be found: from its options alone, without evaluating its configuration, which may be broken.
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { defaultRuntimeDir } from '../config/runtime-base.ts'
import { callSupervisor, hasEnded } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { lockHolder } from '../os/file-lock.ts'
import { isStopped } from '../os/process-identity.ts'
import { livingLeftovers } from '../supervisor/leftover.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import { readPidFile } from './pid-file.ts'
import type { ServerOptions } from './server-options.ts'
import { howToGoOn } from './silent-supervisor.ts'

export interface ServerPlace {
  readonly runtimeDir: string
  readonly socket: string
}

/** The server, as a service of its supervisor: in `status`, and for its targets. */
export function serverServiceName(name: string): string {
  return `${name}-server`
}

type Placed = Pick<ServerOptions, 'name' | 'runtimeDir' | 'control' | 'pidFile'>

export function serverPlace(
  { name, runtimeDir, control }: Placed,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
): ServerPlace {
  const fromProgram = (path: string): string => (isAbsolute(path) ? path : resolve(dirname(program), path))
  const uid = process.getuid?.() ?? 0
  const directory = runtimeDir === undefined ? defaultRuntimeDir(environment, uid, name) : fromProgram(runtimeDir)
  const socket = control?.socket
  return {
    runtimeDir: directory,
    socket: socket === undefined ? join(directory, 'holdfast.sock') : fromProgram(socket),
  }
}

export type ServerPresence =
  | { readonly is: 'running'; readonly report: StatusReport }
  /** Somebody holds its lock, and does not answer: it hangs, or is on its way up or down (`passing`). */
  | {
      readonly is: 'silent'
      readonly pid: number
      readonly why: string
      readonly hint: string
      readonly passing: boolean
    }
  /** It died: its pid file is there, or workers of its are. */
  | { readonly is: 'dead'; readonly why: string }
  | { readonly is: 'absent' }

/** Seconds. */
const ANSWER = 5

/** @throws HoldfastError HF_PERMISSION: it is another user's */
export async function serverPresence(options: Placed, { runtimeDir, socket }: ServerPlace): Promise<ServerPresence> {
  try {
    const { body } = await callSupervisor(socket, { method: 'GET', path: '/v1/status', answerWithin: ANSWER })
    return { is: 'running', report: body as StatusReport }
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code === 'HF_PERMISSION') throw error
    const pid = lockHolder(join(runtimeDir, 'lock'))
    if (pid !== null) return { is: 'silent', pid, ...silence(error, pid), passing: hasEnded(error) }
  }
  const left = livingLeftovers(runtimeDir)
  if (left.length > 0) {
    return {
      is: 'dead',
      why: `workers of it are left: ${left.map(({ worker, pid }) => `${worker} (pid ${pid})`).join(', ')}`,
    }
  }
  const pid = options.pidFile === undefined ? null : readPidFile(options.pidFile)
  return pid === null ? { is: 'absent' } : { is: 'dead', why: `its pid file is there, pid ${pid} is not its server` }
}

function silence(error: HoldfastError, pid: number): { readonly why: string; readonly hint: string } {
  if (error.code !== 'HF_NO_ANSWER') return { why: `${error.message} (pid ${pid})`, hint: '' }
  if (isStopped(pid))
    return {
      why: `its process (pid ${pid}) is stopped, and does not answer`,
      hint: howToGoOn(pid),
    }
  const hint = `It may be stuck: its log says what it did last. kill -9 ${pid} ends it, then stop what is left of it.`
  return { why: `its process (pid ${pid}) did not answer within ${ANSWER} s`, hint }
}
