// Workers of a supervisor that is dead: found by their records, ended by the stop ladder they were started with.
import { constants } from 'node:os'
import type { ServiceSpec } from '../config/effective.ts'
import { bootId } from '../os/boot-id.ts'
import { processesWithHoldfastId } from '../os/descendants.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { groupExists, signalGroup, signalProcess } from '../os/send-signal.ts'
import { parseSignal } from '../os/signals.ts'
import { RuntimePaths } from './runtime-paths.ts'
import { removeWorkerDirectories } from './worker-directories.ts'
import { readRecords, type WorkerRecord } from './worker-record.ts'

export interface Leftover {
  /** `web/0` */
  readonly worker: string
  readonly pid: number
}

/** Recorded workers that live (same pid, start time and boot), and living descendants of those that do not. */
export function livingLeftovers(runtimeDir: string): Leftover[] {
  const records = recordsOfThisBoot(runtimeDir)
  const living = records.filter(isAlive).map(({ service, slot, pid }) => ({ worker: `${service}/${slot}`, pid }))
  // A search through all of /proc, only where a leader has died.
  const orphaned = records
    .filter((record) => !isAlive(record))
    .flatMap((record) =>
      descendantsOf([record]).map(({ pid }) => ({ worker: `a process of ${record.service}/${record.slot}`, pid })),
    )
  return [...living, ...orphaned]
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
  await Promise.all(records.map((record) => descend(record, onProgress)))
  await endDescendants(all)
  const left = records.filter(isAlive).map(({ service, slot, pid }) => `${service}/${slot} (pid ${pid})`)
  if (left.length === 0) removeWorkerDirectories(new RuntimePaths(runtimeDir))
  return { ended: records.length - left.length, left }
}

function recordsOfThisBoot(runtimeDir: string): WorkerRecord[] {
  const boot = bootId()
  return readRecords(new RuntimePaths(runtimeDir).records)
    .map(({ record }) => record)
    .filter((record) => record.bootId === boot)
}

function descendantsOf(records: readonly WorkerRecord[]): ProcessIdentity[] {
  const ids = new Set(records.map(({ id }) => id.split('/').at(-1)))
  return ids.size === 0 ? [] : processesWithHoldfastId((id) => id.split('/').some((element) => ids.has(element)))
}

async function descend(record: WorkerRecord, onProgress: (text: string) => void): Promise<void> {
  for (const { signal, wait } of ladderOf(record.stop)) {
    if (!isAlive(record)) break
    onProgress(`${record.service}/${record.slot} (pid ${record.pid}): SIG${signal}`)
    send(record, signal)
    if (await gone(() => !isAlive(record), wait ?? record.stop.timeout)) break
  }
  // What is left of its group keeps the group's number from being used again.
  if (record.session && record.stop.group && !isAlive(record) && groupExists(record.pid)) {
    signalGroup(record.pid, constants.signals.SIGTERM)
    if (!(await gone(() => !groupExists(record.pid), 2_000))) signalGroup(record.pid, constants.signals.SIGKILL)
  }
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

async function endDescendants(records: readonly WorkerRecord[]): Promise<void> {
  for (const signal of [constants.signals.SIGTERM, constants.signals.SIGKILL]) {
    const found = descendantsOf(records)
    for (const identity of found) signalProcess(identity, signal)
    if (await gone(() => !found.some(isAlive), 2_000)) return
  }
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
