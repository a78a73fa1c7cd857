// `up --detach`: starts the supervisor in a session of its own and waits until the services are up.
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { SupervisorSpec } from '../config/effective.ts'
import { callSupervisor, errorFrom, hasEnded } from '../control/client.ts'
import { printableCount } from '../control/human-units.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { openDevNull } from '../os/fifo.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { socketPair } from '../os/socket-pair.ts'
import { spawnProcess } from '../os/spawn.ts'
import { awaitExit } from '../server/await-exit.ts'
import { wasAskedToStop } from '../server/early-end.ts'
import { HANDOVER_FD, handOver } from '../server/handover.ts'
import { failureText } from '../server/outcome-text.ts'
import { environmentList, ownLogPath } from '../server/running-supervisor.ts'
import { SMALL_NURSERY } from '../server/small-nursery.ts'
import { waitFor } from '../server/waiting.ts'
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { prepareDirectories } from '../supervisor/runtime-directory.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import type { Context } from './context.ts'

export interface DetachOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clean: boolean
}

const LAST_WORDS = 4096
const LOOK_EVERY = 500

/**
 * The supervisor's process is started first, and the config read while it gets going (55 ms of a start of 250). It does nothing
 * before it is handed the config.
 */
export async function upDetached(
  context: Context,
  configFile: string,
  load: () => Promise<SupervisorSpec>,
  options: DetachOptions,
): Promise<number> {
  refuseInheritedSockets(options.environment)
  const { pid, channel } = startSupervisor(configFile, options.environment)
  const identity = { pid, startTime: startTimeOf(pid) ?? 0 }
  let spec: SupervisorSpec
  try {
    spec = await load()
    prepareDirectories(spec)
  } catch (error) {
    // Our own child, which nobody has waited for: the pid can not be another's.
    process.kill(pid, 'SIGKILL')
    closeSync(channel)
    throw error
  }
  const log = ownLogPath(spec)
  const logStart = statSync(log, { throwIfNoEntry: false })?.size ?? 0
  const since = new Date().toISOString()
  const report = await handOver(channel, { spec, clean: options.clean })
  // Its error is told when nothing of it is left.
  if (report === null || 'error' in report) await awaitExit(identity)
  if (report === null) throw new HoldfastError('HF_START_FAILED', { log, words: lastWords(log, logStart) })
  if ('error' in report) throw errorFrom(report.error)
  const outcome = await settled(context, spec, pid).catch(async (error: unknown) => {
    // It ended after it had said that it runs, and before it could say more.
    if (!hasEnded(error)) throw error
    await awaitExit(identity)
    if (await wasAskedToStop(spec.stateDir, pid, since)) return stoppedMeanwhile(spec)
    throw new HoldfastError('HF_START_FAILED', { log, words: lastWords(log, logStart) }, { cause: error })
  })
  if (outcome.goingDown) await awaitExit(identity)
  return tell(context, outcome, pid)
}

/** Who hands sockets over (systemd, start_server) watches the process that it started: that must be the supervisor. */
function refuseInheritedSockets({ LISTEN_FDS, SERVER_STARTER_PORT }: DetachOptions['environment']): void {
  if (LISTEN_FDS === undefined && SERVER_STARTER_PORT === undefined) return
  const given = LISTEN_FDS === undefined ? 'SERVER_STARTER_PORT' : 'LISTEN_FDS'
  throw new HoldfastError('HF_USAGE', {
    problem: `${given} is set: run up without --detach to take those sockets over`,
    verb: ' up',
  })
}

/** Until it has its log file, it speaks to our stderr. */
function startSupervisor(
  configFile: string,
  environment: DetachOptions['environment'],
): { pid: number; channel: number } {
  const [channel, theirs] = socketPair()
  const devNull = openDevNull()
  try {
    const fds = [devNull, 2, 2]
    fds[HANDOVER_FD] = theirs
    // The config is on the command line for `ps` only.
    const words = ['supervise', '-c', configFile]
    const argv = [process.execPath, SMALL_NURSERY, ...process.execArgv, process.argv[1] ?? '', ...words]
    const env = environmentList(environment)
    return {
      pid: spawnProcess({ file: process.execPath, argv, env, cwd: '/', fds, session: true, softNoFile: null }),
      channel,
    }
  } finally {
    for (const fd of [theirs, devNull]) closeSync(fd)
  }
}

/** Resolves when every autostart service is ready or ended as allowed, or has failed. @throws HoldfastError HF_INTERRUPTED */
async function settled(context: Context, { control }: SupervisorSpec, pid: number): Promise<OperationOutcome> {
  const goesOn = `the supervisor (pid ${pid}) runs on, and its services go on starting`
  const waiting = waitFor({ timeout: null, pid, goesOn })
  waiting.accepted()
  const stopLooking = showWaiting(context, control.socket)
  try {
    const request = { method: 'GET', path: '/v1/settled', signal: waiting.signal } as const
    return (await callSupervisor(control.socket, request)).body as OperationOutcome
  } finally {
    stopLooking()
    waiting.end()
  }
}

function stoppedMeanwhile({ services }: SupervisorSpec): OperationOutcome {
  const wanted = Object.values(services).filter(({ autostart }) => autostart)
  const failed = wanted.map(({ name }) => ({ service: name, ok: false, message: 'stopped meanwhile' }))
  return { ok: false, services: failed, goingDown: true }
}

/** On a terminal: what is still waited for. */
function showWaiting({ err, command }: Context, socket: string): () => void {
  if (!err.isTty || command.global.quiet || command.global.json) return () => {}
  let shown = false
  const look = async () => {
    const { body } = await callSupervisor(socket, { method: 'GET', path: '/v1/status' })
    const { services } = body as StatusReport
    const missing = services.filter(({ ready, desired }) => ready < desired).map(({ name }) => name)
    const text = `${services.length - missing.length}/${services.length} services up; waiting for ${missing.join(', ')}`
    err.write(`\r\u001b[K${text.slice(0, err.columns - 1)}`)
    shown = true
  }
  const timer = setInterval(() => look().catch(() => {}), LOOK_EVERY)
  return () => {
    clearInterval(timer)
    if (shown) err.write('\r\u001b[K')
  }
}

function tell({ command, out, err, paintErr, typed }: Context, outcome: OperationOutcome, pid: number): number {
  if (command.global.json) {
    out.write(`${JSON.stringify({ ...outcome, pid })}\n`)
    return outcome.ok ? 0 : 1
  }
  const failed = outcome.services.filter(({ ok }) => !ok)
  for (const service of failed) err.write(failureText(service, 'start', paintErr, typed))
  if (failed.length > 0) {
    const names = failed.map(({ service }) => service).join(', ')
    const rest = outcome.goingDown
      ? `The supervisor (pid ${pid}) was asked to stop meanwhile: everything is stopped`
      : `The supervisor (pid ${pid}) and the other services keep running; look: ${typed('status')}`
    err.write(`not up: ${names}. ${rest}\n`)
    return 1
  }
  if (!command.global.quiet) {
    const services = printableCount(outcome.services.length, 'service')
    out.write(`up: ${services}, supervisor ${pid}; look at it: ${typed('status')}\n`)
  }
  return 0
}

/** What the supervisor wrote before it died without a report: a stack, as a rule. */
function lastWords(log: string, from: number): string {
  try {
    const fd = openSync(log, 'r')
    const buffer = Buffer.alloc(LAST_WORDS)
    const size = statSync(log).size
    const bytes = readSync(fd, buffer, 0, LAST_WORDS, Math.max(from, size - LAST_WORDS))
    closeSync(fd)
    return buffer.toString('utf8', 0, bytes).trim()
  } catch {
    return ''
  }
}
