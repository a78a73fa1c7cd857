// `status` for people: a line on the supervisor, a row per service or worker, forkservers and sockets.
import type { LockReport, ServiceReport, StatusReport, WorkerReport } from '../supervisor/status-report.ts'
import { colourOfState, type Paint } from './colours.ts'
import { forkserverTable } from './forkserver-table.ts'
import { humanDuration, humanSize } from './human-units.ts'
import { type Cell, tableText } from './table-text.ts'

export interface StatusTextOptions {
  readonly paint: Paint
  /** Width of the terminal, null: no limit. */
  readonly width: number | null
  /** ms, wall clock. */
  readonly now: number
  /** Whose report it is. Default `supervisor`. */
  readonly who?: 'supervisor' | 'server'
}

export function statusText(report: StatusReport, options: StatusTextOptions): string {
  const parts = [headLine(report, options)]
  if (report.services.length > 0) parts.push(serviceTable(report, options))
  if (report.forkservers.length > 0) parts.push(forkserverTable(report.forkservers, options))
  if (report.sockets.length > 0) parts.push(socketTable(report, options))
  const locks = report.locks.flatMap((lock) => lockLines(lock, options))
  if (locks.length > 0) parts.push(`${locks.join('\n')}\n`)
  return parts.join('\n')
}

function headLine({ supervisor }: StatusReport, { paint, now, who = 'supervisor' }: StatusTextOptions): string {
  const parts = [`${who} ${supervisor.pid}`, `up ${age(supervisor.startedAt, now)}`, supervisor.config ?? '']
  return `${paint('bold', supervisor.name)}  ${parts.filter((part) => part !== '').join('  ')}\n`
}

/** Of each worker of a service with `slots`: which slot it has; else that it is a standby. */
type Roles = ReadonlyMap<string, string>

function rolesIn({ services, locks }: StatusReport): Roles {
  const standbys = services
    .filter(({ name }) => locks.some(({ service }) => service === name))
    .flatMap(({ workers }) => workers)
    .filter(({ state }) => state === 'running' || state === 'waiting')
    .map(({ id }) => [id, 'standby'] as const)
  const mains = locks
    .flatMap(({ holders }) => holders)
    .map(({ worker, slot, token }) => [worker, `main of slot ${slot}, token ${token}`] as const)
  return new Map([...standbys, ...mains])
}

function serviceTable(report: StatusReport, options: StatusTextOptions): string {
  const { services } = report
  const roles = rolesIn(report)
  const workers = services.flatMap((service) => service.workers)
  const memory = workers.some((worker) => typeof worker.pss === 'number') ? 'PSS' : 'MEMORY'
  const header = ['SERVICE', 'STATE', 'READY', 'PID', 'UPTIME', 'RESTARTS', 'CPU', memory, 'MESSAGE']
  const rows = services.flatMap((service) => serviceRows(service, roles, options))
  return tableText(header, rows, { ...options, expendable: ['CPU', memory, 'UPTIME', 'RESTARTS', 'PID'] })
}

function serviceRows(service: ServiceReport, roles: Roles, options: StatusTextOptions): Cell[][] {
  const [only] = service.workers
  if (only && service.workers.length === 1 && service.desired === 1) return [workerRow(only, service, roles, options)]
  const sum = (pick: (worker: WorkerReport) => number | null) =>
    service.workers.reduce((total, worker) => total + (pick(worker) ?? 0), 0)
  const running = service.workers.some((worker) => worker.pid !== null)
  const head: Cell[] = [
    { text: service.name },
    { text: service.state, colour: colourOfState(service.state) },
    readyCell(service),
    ...rightCells(['', '', String(sum((w) => w.restarts))]),
    ...rightCells(running ? [cpu(sum((w) => w.cpuSeconds)), humanSize(sum(memoryOf))] : ['', '']),
    { text: rolloutMessage(service) },
  ]
  return [head, ...service.workers.map((worker) => workerRow(worker, null, roles, options))]
}

/** @param service given: the only worker stands for its service. */
function workerRow(
  worker: WorkerReport,
  service: ServiceReport | null,
  roles: Roles,
  { now }: StatusTextOptions,
): Cell[] {
  const state = service?.state ?? worker.state
  const message = [service ? rolloutMessage(service) : '', roles.get(worker.id) ?? '', workerMessage(worker, now)]
    .filter((text) => text !== '')
    .join('; ')
  return [
    { text: service ? service.name : `  ${worker.id}` },
    { text: state, colour: colourOfState(state) },
    service ? readyCell(service) : { text: worker.ready ? 'yes' : '', right: true },
    ...rightCells([worker.pid === null ? '' : String(worker.pid)]),
    ...rightCells([worker.startedAt === null ? '' : age(worker.startedAt, now)]),
    ...rightCells([String(worker.restarts)]),
    ...rightCells([worker.cpuSeconds === null ? '' : cpu(worker.cpuSeconds)]),
    ...rightCells([memoryOf(worker) === null ? '' : humanSize(memoryOf(worker) ?? 0)]),
    { text: message },
  ]
}

function readyCell({ ready, desired }: ServiceReport): Cell {
  return { text: `${ready}/${desired}`, colour: ready < desired ? 'yellow' : 'green', right: true }
}

function memoryOf(worker: WorkerReport): number | null {
  return worker.pss ?? worker.rss
}

function rolloutMessage({ rollout, target }: ServiceReport): string {
  if (rollout.state === 'stable') return ''
  const reason = rollout.reason === '' ? '' : `: ${rollout.reason}`
  if (rollout.state === 'cancelled') return `rollout ${rollout.reason}`
  if (rollout.state === 'failed') return `rollout failed${reason}`
  return `restarting to generation ${target}${reason}`
}

/** What the worker says; else, for one that does not run, why. */
function workerMessage(worker: WorkerReport, now: number): string {
  const parts: string[] = []
  if (worker.message !== '') parts.push(worker.message)
  const down = worker.state === 'backoff' || worker.state === 'fatal' || worker.state === 'exited'
  const reason = worker.lastExit?.reason ?? ''
  // Either may tell the other: what it was stopped for, or how it ended.
  if (down && !worker.message.includes(reason) && !tells(reason, worker.message)) parts.push(reason)
  if (worker.nextRetryAt !== null) {
    const what = worker.state === 'waiting' ? 'starts' : 'retry'
    parts.push(`${what} in ${humanDuration(Date.parse(worker.nextRetryAt) - now)}`)
  }
  if (worker.other) parts.push(otherMessage(worker.other))
  return parts.join('; ')
}

function tells(reason: string, message: string): boolean {
  return message !== '' && reason.includes(message)
}

/** Beside the process in service: its successor, or its predecessor. */
function otherMessage({ pid, state, ready }: NonNullable<WorkerReport['other']>): string {
  const one = pid === null ? 'one' : `process ${pid}`
  if (state === 'coming') return `new ${one} ${ready ? 'is ready' : 'is starting'}`
  return `old ${one} is stopping`
}

function socketTable({ sockets }: StatusReport, options: StatusTextOptions): string {
  const rows = sockets.map(({ name, listen, queued }): Cell[] => [
    { text: name },
    { text: listen },
    { text: queued === null ? '' : String(queued) },
  ])
  return tableText(['SOCKET', 'LISTEN', 'QUEUED'], rows, options)
}

/** What is not as usual. */
function lockLines({ name, service, strangers, health }: LockReport, { paint }: StatusTextOptions): string[] {
  const lock = `lock ${name}${name === service ? '' : ` of ${service}`}`
  const held = strangers.map(
    ({ slot, pid, command }) =>
      `${lock}: slot ${slot} is held by pid ${pid} (${command}), which is not of this supervisor`,
  )
  if (health.state === 'ok') return held
  return [paint('yellow', `${lock} is ${health.state}: ${health.problem ?? ''}`), ...held]
}

function rightCells(texts: readonly string[]): Cell[] {
  return texts.map((text) => ({ text, right: true }))
}

function cpu(seconds: number): string {
  return humanDuration(seconds * 1000)
}

function age(since: string, now: number): string {
  return humanDuration(now - Date.parse(since))
}
