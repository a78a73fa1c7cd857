// From one spec to another: only what changed is touched.
import { diffSpecs, type ServiceDifference, type SpecDifference } from '../config/diff.ts'
import type { ServiceSpec, SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isRolling, specOf } from '../rollout/service-state.ts'
import type { ApplyChange, ApplyReport, Progress, ServiceOutcome } from './engine-api.ts'
import type { EngineParts } from './engine-parts.ts'
import type { Interpreter } from './interpreter.ts'
import type { Listener } from './listeners.ts'
import { count, scaleOutcome } from './operation-outcome.ts'
import type { Operations } from './operations.ts'

export interface ApplyContext {
  readonly parts: EngineParts
  readonly interpreter: Interpreter
  readonly operations: Operations
  readonly current: SupervisorSpec
  /** Everything is on its way and only waited for: from here on another apply meets rollouts, and may supersede them. */
  readonly onDispatched?: () => void
}

/** @param accept called once nothing can be refused any more: from then on `spec` is the one in force */
export async function applySpec(
  context: ApplyContext,
  spec: SupervisorSpec,
  options: { dryRun?: boolean; replace?: boolean },
  accept: (spec: SupervisorSpec) => void,
  onProgress?: (progress: Progress) => void,
): Promise<ApplyReport> {
  const diff = diffSpecs(inForce(context), spec)
  const [refused] = diff.refused
  if (refused !== undefined) throw new HoldfastError('HF_APPLY_REFUSED', { key: refused })
  refuseOtherSlots(diff.services)
  const changed = diff.services.filter(({ change }) => change !== 'unchanged')
  if (options.replace !== true) refuseDuringRollout(context, changed)
  const notes = scaleNotes(context, changed, spec)
  const changes = diff.services.map((service) => describeChange(context, service, spec))
  const report: ApplyReport = { changes, sockets: diff.sockets, notes }
  if (options.dryRun === true) return report
  const removed = socketsToClose(context, diff)
  await openLocks(context, changed, spec)
  const replaced = openSocketsOrCloseLocks(context, diff, changed, spec)
  accept(spec)
  const services = await converge(context, changed, spec, onProgress)
  closeSockets(context, removed, replaced)
  return { ...report, outcome: { ok: services.every(({ ok }) => ok), services } }
}

/** What runs, not what was last asked for: after a failed rollout the next apply shows the difference again. */
function inForce({ current, interpreter }: ApplyContext): SupervisorSpec {
  const services: Record<string, ServiceSpec> = {}
  for (const [name, { state }] of interpreter.services) services[name] = specOf(state, state.generation)
  return { ...current, services }
}

/** Who holds a main slot, and who waits for one, goes by the number of slots that it was started with. */
function refuseOtherSlots(services: readonly ServiceDifference[]): void {
  for (const { service, change, keys } of services) {
    const key = keys.find((one) => one === 'slots' || one.startsWith('slots.'))
    if (change === 'changed' && key !== undefined)
      throw new HoldfastError('HF_APPLY_REFUSED', { key: `services.${service}.${key}` })
  }
}

/** Of new services. @throws HoldfastError where one can not be */
async function openLocks(
  { interpreter }: ApplyContext,
  changed: readonly ServiceDifference[],
  spec: SupervisorSpec,
): Promise<void> {
  try {
    for (const { service, change } of changed) {
      const added = change === 'added' ? spec.services[service] : undefined
      if (added !== undefined && added.slots !== null) await interpreter.elections.open(added)
    }
  } catch (error) {
    closeLocks(interpreter, changed)
    throw error
  }
}

function closeLocks({ elections }: Interpreter, changed: readonly ServiceDifference[]): void {
  for (const { service, change } of changed) if (change === 'added') elections.remove(service)
}

function openSocketsOrCloseLocks(
  context: ApplyContext,
  diff: SpecDifference,
  changed: readonly ServiceDifference[],
  spec: SupervisorSpec,
): Listener[] {
  try {
    return openSockets(context, diff, spec)
  } catch (error) {
    closeLocks(context.interpreter, changed)
    throw error
  }
}

function refuseDuringRollout({ interpreter }: ApplyContext, changed: readonly ServiceDifference[]): void {
  for (const { service } of changed) {
    const rollout = interpreter.services.get(service)?.state.rollout
    if (rollout === undefined || !isRolling(rollout)) continue
    throw new HoldfastError('HF_ROLLOUT_IN_PROGRESS', { service, since: interpreter.clock.iso(rollout.since) })
  }
}

/** New sockets first, all or nothing: a port that is taken changes nothing. */
function openSockets({ parts }: ApplyContext, { sockets }: SpecDifference, spec: SupervisorSpec): Listener[] {
  const added = sockets.filter(({ change }) => change === 'added').flatMap(({ name }) => spec.sockets[name] ?? [])
  const changed = sockets.filter(({ change }) => change === 'changed').flatMap(({ name }) => spec.sockets[name] ?? [])
  return parts.listeners.replaceAll(added, changed)
}

function socketsToClose({ parts }: ApplyContext, { sockets }: SpecDifference): Listener[] {
  return sockets.filter(({ change }) => change === 'removed').map(({ name }) => parts.listeners.get(name))
}

/** Only when nobody serves on them any more. A later apply may have declared the same name anew. */
function closeSockets(
  { parts, interpreter }: ApplyContext,
  removed: readonly Listener[],
  replaced: readonly Listener[],
): void {
  for (const listener of removed) {
    if (!parts.listeners.has(listener)) continue
    // A forkserver of other services as well has it as long as it lives, and never accepts.
    const isHeld = interpreter.forkservers.all.some(({ sockets }) => sockets.has(listener.name))
    if (isHeld && !isServed(interpreter, listener.name)) parts.listeners.silence(listener)
    parts.listeners.close(listener.name)
  }
  parts.listeners.closeReplaced(replaced)
}

function isServed({ services }: Interpreter, socket: string): boolean {
  const processes = [...services.values()].flatMap(({ slots }) =>
    [...slots.values()].flatMap((slot) => [...slot.processes.values()]),
  )
  return processes.some(({ spec }) => spec.sockets.includes(socket))
}

async function converge(
  { interpreter, operations, onDispatched }: ApplyContext,
  changed: readonly ServiceDifference[],
  spec: SupervisorSpec,
  onProgress?: (progress: Progress) => void,
): Promise<ServiceOutcome[]> {
  const targets = changed.map(({ service }) => ({ service, slots: null }))
  const unsubscribe = onProgress === undefined ? () => {} : operations.reportOn(targets, null, onProgress)
  try {
    const gone = changed.filter(({ change }) => change === 'removed').map(({ service }) => service)
    const removed = await operations.stopInOrder(gone, 'removed from the config')
    if (interpreter.goingDown) throw new HoldfastError('HF_GOING_DOWN')
    const down = new Set(removed.filter(({ ok }) => ok).map(({ service }) => service))
    for (const name of gone) if (down.has(name)) interpreter.remove(name)
    const added = changed.filter(({ change }) => change === 'added').map(({ service }) => known(spec.services[service]))
    for (const service of added) interpreter.add(service)
    interpreter.refreshDependencies()
    const started = added.map((service) => start(service))
    const deployed = changed.filter(({ change }) => change === 'changed').map((diff) => deploy(diff))
    interpreter.refreshDependencies()
    onDispatched?.()
    return [...removed, ...(await Promise.all([...started, ...deployed]))]
  } finally {
    unsubscribe()
  }

  function start({ name, autostart }: ServiceSpec): Promise<ServiceOutcome> {
    if (!autostart)
      return Promise.resolve({ service: name, ok: true, message: 'added, not started (autostart: false)' })
    interpreter.dispatch(name, { is: 'start', slots: null })
    return operations.waitStarted(name, null)
  }

  function deploy(diff: ServiceDifference): Promise<ServiceOutcome> {
    const service = known(spec.services[diff.service])
    const desired = diff.keys.includes('instances') ? service.instances : scaled(interpreter, diff.service)
    const happening = { is: 'deploy', spec: service, renew: diff.restart, desired } as const
    if (interpreter.services.get(diff.service)?.state.wanted === 'down') {
      interpreter.dispatch(diff.service, happening)
      return Promise.resolve({ service: diff.service, ok: true, message: 'changed, not started (it is stopped)' })
    }
    if (diff.restart) return operations.roll(diff.service, happening)
    interpreter.dispatch(diff.service, happening)
    return operations.wait(diff.service, scaleOutcome)
  }
}

function known(spec: ServiceSpec | undefined): ServiceSpec {
  if (spec === undefined) throw new Error('a changed service is missing in the new config (bug)')
  return spec
}

function scaled(interpreter: Interpreter, name: string): number {
  return interpreter.services.get(name)?.state.desired ?? 0
}

function scaleNotes(
  { interpreter, current }: ApplyContext,
  changed: readonly ServiceDifference[],
  spec: SupervisorSpec,
): string[] {
  return changed.flatMap(({ service, keys }) => {
    const desired = scaled(interpreter, service)
    const before = current.services[service]?.instances
    const after = spec.services[service]?.instances
    if (!keys.includes('instances') || before === undefined || desired === before || desired === after) return []
    return [`${service}: the scale of ${desired} is reset to ${after}, because instances changed in the config`]
  })
}

function describeChange({ interpreter }: ApplyContext, diff: ServiceDifference, spec: SupervisorSpec): ApplyChange {
  const { service, change, keys, restart } = diff
  return { service, change, keys, effect: effectOf() }

  function effectOf(): string {
    const state = interpreter.services.get(service)?.state
    switch (change) {
      case 'unchanged':
        return 'untouched'
      case 'added':
        return `starts ${count(spec.services[service]?.instances ?? 0)}`
      case 'removed':
        return `stops ${count(state?.desired ?? 0)}`
      case 'changed': {
        if (restart)
          return state?.wanted === 'up' ? `rolling restart of ${count(state.desired)}` : 'no restart: it is stopped'
        return keys.includes('instances') ? `scales to ${count(spec.services[service]?.instances ?? 0)}` : 'no restart'
      }
    }
  }
}
