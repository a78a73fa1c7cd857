// Workers of a supervisor that is dead: found by their records, ended by the stop ladder they were started with. What has no
// record is found by its environment or its FIFOs, and gets TERM, then KILL.
import { constants } from 'node:os'
import type { ServiceSpec } from '../config/effective.ts'
import { bootId } from '../os/boot-id.ts'
import { holdfastIdOf, processesWithHoldfastId } from '../os/descendants.ts'
import { lockHolder } from '../os/file-lock.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { groupExists, signalGroup, signalProcess } from '../os/send-signal.ts'
import { parseSignal } from '../os/signals.ts'
import { fifoHolders, realServicesDirectory } from './fifo-holders.ts'
import { workerName } from './forkserver-name.ts'
import { RuntimePaths } from './runtime-paths.ts'
import { removeWorkerDirectories } from './worker-directories.ts'
import { readRecords, type WorkerRecord } from './worker-record.ts'

export interface Leftover {
  /** `web/0` */
  readonly worker: string
  readonly pid: number
}

/** In place of the name of a service, in HOLDFAST_ID of what waits for locks. */
export const LOCK_COMMANDS = ':lock'

interface Stray extends ProcessIdentity {
  readonly worker: string
}

/**
 * Recorded workers that live (same pid, start time and boot), and what lives of those that do not, or have no record.
 * `lockIsOurs`: the caller is the supervisor. Whether another one is, costs a look into /proc/locks: up to 20 ms.
 */
export function livingLeftovers(runtimeDir: string, { lockIsOurs = false } = {}): Leftover[] {
  const records = recordsOfThisBoot(runtimeDir)
  const living = records.filter(isAlive).map(({ service, slot, pid }) => ({ worker: workerName(service, slot), pid }))
  const named = new Set(living.map(({ worker }) => worker))
  const strays = !lockIsOurs && hasSupervisor(runtimeDir) ? [] : straysIn(runtimeDir, records)
  const rest = strays.filter(({ worker }) => !named.has(worker))
  return [...living, ...rest.map(({ worker, pid }) => ({ worker: nameOfStray(worker), pid }))]
}

/**
 * Ends them, and the descendants that left their groups. Never signals a process whose identity does not match.
 * `left` names those that did not go.
 */
export async function endLeftovers(
  runtimeDir: string,
  onProgress: (text: string) => void = () => {},
): Promise<{ ended: number; left: string[] }> {
  const all = recordsOfThisBoot(runtimeDir)
  const records = all.filter(isAlive)
  await endLockWaiting(() => (hasSupervisor(runtimeDir) ? [] : straysIn(runtimeDir, all)), onProgress)
  await Promise.all(records.map((record) => descend(record, onProgress)))
  const find = (): Stray[] => (hasSupervisor(runtimeDir) ? [] : straysIn(runtimeDir, all))
  const strays = await endStrays(find, onProgress)
  const left = [
    ...records.filter(isAlive).map(({ service, slot, pid }) => `${workerName(service, slot)} (pid ${pid})`),
    ...strays.filter(isAlive).map(({ worker, pid }) => `${nameOfStray(worker)} (pid ${pid})`),
  ]
  // Of one that has started meanwhile they are in use.
  if (left.length === 0 && !hasSupervisor(runtimeDir)) removeWorkerDirectories(new RuntimePaths(runtimeDir))
  return { ended: records.length + strays.length - left.length, left }
}

function nameOfStray(worker: string): string {
  return worker.startsWith(LOCK_COMMANDS) ? 'what waits for a lock' : `a process of ${worker}`
}

/** Recorded workers, by the ladder of each, and what is left of their groups; nothing is searched for. */
export async function endRecordedWorkers(runtimeDir: string, onProgress: (text: string) => void): Promise<void> {
  await Promise.all(
    recordsOfThisBoot(runtimeDir)
      .filter(isAlive)
      .map((record) => descend(record, onProgress)),
  )
}

function recordsOfThisBoot(runtimeDir: string): WorkerRecord[] {
  const boot = bootId()
  return readRecords(new RuntimePaths(runtimeDir).records)
    .map(({ record }) => record)
    .filter((record) => record.bootId === boot)
}

/** Another one than us: what it supervises is not left over. */
function hasSupervisor(runtimeDir: string): boolean {
  const holder = lockHolder(new RuntimePaths(runtimeDir).lock)
  return holder !== null && holder !== process.pid
}

/** By the supervisor's part of HOLDFAST_ID, which stands in every record, and by the FIFOs. A search through all of /proc. */
function straysIn(runtimeDir: string, records: readonly WorkerRecord[]): Stray[] {
  const paths = new RuntimePaths(runtimeDir)
  const recorded = new Set(records.filter(isAlive).map(({ pid }) => pid))
  const found = new Map<number, Stray>()
  const directory = realServicesDirectory(paths.services)
  // A supervisor that went down by itself has removed it.
  const holders = directory === null ? [] : fifoHolders(directory)
  for (const { pid, startTime, service, slot } of holders) {
    found.set(pid, { pid, startTime, worker: workerName(service, slot) })
  }
  const engines = new Set(records.map(({ id }) => engineOf(id.split('/').at(-1) ?? '')))
  const byId = (id: string): string | undefined => id.split('/').find((element) => engines.has(engineOf(element)))
  for (const { pid, startTime } of engines.size === 0 ? [] : processesWithHoldfastId((id) => byId(id) !== undefined)) {
    const [, service, slot] = (byId(holdfastIdOf(pid) ?? '') ?? '').split('.')
    if (service !== undefined && slot !== undefined)
      found.set(pid, { pid, startTime, worker: workerName(service, slot) })
  }
  return [...found.values()].filter(({ pid }) => !recorded.has(pid))
}

/** `<engine>.<service>.<slot>.<number>` */
function engineOf(id: string): string {
  return id.slice(0, id.indexOf('.'))
}

async function descend(record: WorkerRecord, onProgress: (text: string) => void): Promise<void> {
  for (const { signal, wait } of ladderOf(record.stop)) {
    if (!isAlive(record)) break
    onProgress(`${workerName(record.service, record.slot)} (pid ${record.pid}): SIG${signal}`)
    send(record, signal)
    if (await gone(() => !isAlive(record), wait ?? record.stop.timeout)) break
  }
  // What is left of its group keeps the group's number from being used again.
  if (record.session && record.stop.group && !isAlive(record) && groupExists(record.pid)) {
    signalGroup(record.pid, constants.signals.SIGTERM)
    if (!(await gone(() => !groupExists(record.pid), 2_000))) signalGroup(record.pid, constants.signals.SIGKILL)
  }
}

/** What waits for a main slot would promote a standby as soon as the main ends, for the last moments of both. */
async function endLockWaiting(find: () => Stray[], onProgress: (text: string) => void): Promise<void> {
  const waiting = find().filter(({ worker }) => worker.startsWith(LOCK_COMMANDS))
  for (const stray of waiting) {
    onProgress(`what waits for a lock (pid ${stray.pid}): SIGKILL`)
    signalProcess(stray, constants.signals.SIGKILL)
  }
  await gone(() => !waiting.some(isAlive), 2_000)
}

/** Stop file and command belong to a supervisor that knows the service; here the signals do, and KILL at the end. */
function ladderOf(stop: ServiceSpec['stop']): { signal: string; wait: number | null }[] {
  const steps = stop.signals.map(({ signal, wait }) => ({ signal, wait }))
  return steps.at(-1)?.signal === 'KILL' ? steps : [...steps, { signal: 'KILL', wait: 2_000 }]
}

function send(record: WorkerRecord, signal: string): void {
  const number = parseSignal(signal)?.number
  if (number === undefined) return
  // The leader lives and is the one we know: its group is its own.
  if (record.session && record.stop.group) signalGroup(record.pid, number)
  else signalProcess(record, number)
}

/** @returns all that were found, whether they went or not */
async function endStrays(find: () => Stray[], onProgress: (text: string) => void): Promise<Stray[]> {
  const all = new Map<number, Stray>()
  for (const [name, signal] of [
    ['SIGTERM', constants.signals.SIGTERM],
    ['SIGKILL', constants.signals.SIGKILL],
  ] as const) {
    const found = find()
    for (const stray of found) {
      onProgress(`${nameOfStray(stray.worker)} (pid ${stray.pid}): ${name}`)
      signalProcess(stray, signal)
      all.set(stray.pid, stray)
    }
    if (await gone(() => !found.some(isAlive), 2_000)) break
  }
  return [...all.values()]
}

/** Not our children: nobody tells us, so look. */
function gone(isGone: () => boolean, within: number): Promise<boolean> {
  const until = performance.now() + within
  return new Promise((resolve) => {
    const look = (): void => {
      if (isGone()) return resolve(true)
      if (performance.now() > until) return resolve(false)
      setTimeout(look, 20)
    }
    look()
  })
}
