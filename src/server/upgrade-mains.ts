// `upgrade`, as the command does it: fresh standbys first, then each main is asked, by a file, to make room.
import { existsSync, lstatSync, rmSync } from 'node:fs'
import { callSupervisor } from '../control/client.ts'
import { humanDuration } from '../control/human-units.ts'
import { makeEmptyFile } from '../os/empty-file.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import type { OperationOutcome, ServiceOutcome } from '../supervisor/engine-api.ts'
import type { StatusReport, WorkerReport } from '../supervisor/status-report.ts'
import { pathFor } from './asked-by-file.ts'
import { placeBelow } from './supervised-server.ts'
import { waitFor } from './waiting.ts'

export interface Upgrade {
  /** Of the supervisor. */
  readonly socket: string
  readonly runtimeDir: string
  /** Its service, whose workers are the servers. */
  readonly service: string
  /** With `%p`. */
  readonly file: string
  /** Milliseconds for each main, until it has removed its file. */
  readonly timeout: number
  /** Milliseconds for a main that ends for it, from then until it is gone. */
  readonly endsWithin?: number
}

/** Failed: what of the supervisor's doing did not come out well, or why. */
export type UpgradeOutcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly why: string; readonly services: readonly ServiceOutcome[] }

/** Milliseconds between two looks. */
const LOOK_EVERY = 50
/** A main that has ended all its work has hooks to wait for, and logs to write. */
const ENDS_WITHIN = 30_000

/** One main after the other, each when a fresh standby waits to follow it. No file is left behind. */
export async function upgradeMains(upgrade: Upgrade): Promise<UpgradeOutcome> {
  const { socket } = upgrade
  const servers = await serversOf(upgrade)
  const standbys = servers.filter(({ role }) => role === 'standby').map(({ id }) => id)
  if (standbys.length > 0) {
    const path = `/v1/targets/${encodeURIComponent(standbys.join())}/restart`
    const outcome = (await callSupervisor(socket, { method: 'POST', path, body: {} })).body as OperationOutcome
    if (!outcome.ok) return { is: 'failed', why: 'its standbys could not be replaced', services: outcome.services }
  }
  for (const { id, pid, startTime } of servers) {
    if (pid === null || startTime === null || standbys.includes(id)) continue
    const main = { pid, startTime }
    const before = await settled(socket)
    if (before !== null) return before
    if (!isAlive(main)) continue
    const why = await askByFile(main, id, upgrade)
    if (why !== null) return { is: 'failed', why, services: [] }
    // Without its control socket it is about to end. Otherwise it goes on, and has done what it had to.
    if (existsSync(placeBelow(upgrade.runtimeDir, pid).socket)) continue
    const { endsWithin = ENDS_WITHIN } = upgrade
    if (await endsIn(endsWithin, main, upgrade)) continue
    const left = `the main ${id} (pid ${pid}) has ended its work, and is not gone after ${humanDuration(endsWithin)}`
    return { is: 'failed', why: left, services: [] }
  }
  return (await settled(socket)) ?? { is: 'done' }
}

async function serversOf({ socket, service }: Upgrade): Promise<readonly WorkerReport[]> {
  const { body } = await callSupervisor(socket, { method: 'GET', path: `/v1/status?target=${service}` })
  return (body as StatusReport).services[0]?.workers ?? []
}

/** Null: every server is where it belongs. */
async function settled(socket: string): Promise<UpgradeOutcome | null> {
  const { body } = await callSupervisor(socket, { method: 'GET', path: '/v1/settled' })
  const { ok, services } = body as OperationOutcome
  return ok ? null : { is: 'failed', why: 'not every server is up', services }
}

/** Null: it has removed the file. */
async function askByFile(main: ProcessIdentity, id: string, { file, timeout }: Upgrade): Promise<string | null> {
  const path = pathFor(file, main.pid)
  const who = `the main ${id} (pid ${main.pid})`
  try {
    makeEmptyFile(path, 'new')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return `${path} is there: another upgrade is under way, or it was left; then remove it`
  }
  const waiting = waitFor({ timeout: null, pid: null, goesOn: `${who} may have seen ${path}` })
  waiting.accepted()
  try {
    for (const until = performance.now() + timeout; ; await pause()) {
      waiting.signal.throwIfAborted()
      // In this order: one that removes the file and ends is not taken for one that only ends.
      const lives = isAlive(main)
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null
      if (!lives) return `${who} has ended, and has not removed ${path}`
      if (performance.now() > until) return `${who} has not removed ${path} within ${humanDuration(timeout)}`
    }
  } finally {
    waiting.end()
    rmSync(path, { force: true })
  }
}

/** Not before the supervisor knows of it. */
async function endsIn(millis: number, { pid }: ProcessIdentity, upgrade: Upgrade): Promise<boolean> {
  for (const until = performance.now() + millis; performance.now() < until; await pause())
    if ((await serversOf(upgrade)).every((server) => server.pid !== pid)) return true
  return false
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_EVERY))
}
