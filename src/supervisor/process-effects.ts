// Carries out the effects that concern one process.
import { rmSync } from 'node:fs'
import type { ProcessEffect } from '../lifecycle/process-effect.ts'
import type { ProcessEvent } from '../lifecycle/process-event.ts'
import type { ProcessExit } from '../lifecycle/process-state.ts'
import { makeEmptyFile } from '../os/empty-file.ts'
import { groupExists, signalGroup, signalProcess } from '../os/send-signal.ts'
import { parseSignal } from '../os/signals.ts'
import { type CommandMessage, type CommandMessageOf, formatCommandMessage } from '../wire/command-messages.ts'
import { commandWord } from '../wire/command-words.ts'
import { BackgroundWatch } from './background-watch.ts'
import type { EngineParts } from './engine-parts.ts'
import { accountEnvironment } from './exec-settings.ts'
import { instanceOf } from './forkserver-name.ts'
import type { GroupSweeper } from './group-sweeper.ts'
import type { HeartbeatMonitor } from './heartbeat-monitor.ts'
import { inheritedEnvironment } from './process-environment.ts'
import { watchReadiness } from './readiness.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { StraySweeper } from './stray-sweeper.ts'

/** A process event without its time. */
export type ProcessHappening = ProcessEvent extends infer E ? (E extends ProcessEvent ? Omit<E, 'at'> : never) : never

export interface ProcessEffectsContext extends EngineParts {
  readonly groups: GroupSweeper
  readonly heartbeats: HeartbeatMonitor
  readonly strays?: StraySweeper
  readonly tell: (process: RunningProcess, event: ProcessHappening) => void
  readonly isDead: (process: RunningProcess) => boolean
  readonly release: (service: ServiceRuntime, process: RunningProcess) => void
  readonly reloadDone: (process: RunningProcess, error: string | null) => void
}

export class ProcessEffects {
  private readonly context: ProcessEffectsContext
  private readonly background: BackgroundWatch | null

  constructor(context: ProcessEffectsContext) {
    this.context = context
    const { strays, journal, idPrefix } = context
    this.background = strays === undefined ? null : new BackgroundWatch({ strays, journal, idPrefix })
  }

  perform(service: ServiceRuntime, process: RunningProcess, effect: ProcessEffect): void {
    const { context } = this
    switch (effect.do) {
      case 'signal':
        return this.signal(process, effect)
      case 'tell-stop':
        return this.tellStop(process, effect.reason, effect.deadlineIn)
      case 'make-stop-file':
        return this.makeStopFile(process, effect.path)
      case 'remove-stop-file':
        return rmSync(stopFilePath(effect.path, process), { force: true })
      case 'run-stop-command':
        return this.runFor(process, effect.command, process.spec.stop.timeout, 'stop-command', () => {})
      case 'watch-readiness':
        process.stopProbe = watchReadiness(process, context.auxiliary, this.commandEnvironment(process), () =>
          context.tell(process, { is: 'ready' }),
        )
        return
      case 'forget-readiness':
        process.stopProbe?.()
        process.stopProbe = null
        return
      case 'became-ready':
        context.heartbeats.watch(service, process)
        return context.listeners.restoreBacklog(process.spec.sockets)
      case 'announced-end':
        return
      case 'send-reload':
        return this.sendReload(process)
      case 'reload-done':
        return context.reloadDone(process, effect.error)
      case 'watch-group':
        return context.groups.watch(effect.process.pid, () => context.tell(process, { is: 'swept' }))
      case 'release':
        if (process.pid !== null) this.background?.processEnded(service, process, lastExitOf(service, process))
        return context.release(service, process)
      case 'note':
        return this.note(process, effect.event, effect.reason)
    }
  }

  /** At once, whatever it is doing. */
  kill(process: RunningProcess, why: string): void {
    this.signal(process, { do: 'signal', process: process.identity, signal: 'KILL', scope: 'process', why })
  }

  private signal(process: RunningProcess, { signal, scope, why }: ProcessEffect & { do: 'signal' }): void {
    const { identity, inside, spec } = process
    if (inside !== null) {
      inside.worker.signal(signal)
      return this.note(process, 'signal', `SIG${signal}: ${why}`)
    }
    const word = spec.stdin === 'commands' && !this.context.isDead(process) ? commandWord(signal) : null
    if (word !== null && process.lane.send(`${word}\n`)) return this.note(process, 'signal', `${word} on stdin: ${why}`)
    const number = parseSignal(signal)?.number
    if (number === undefined) throw new Error(`unknown signal ${signal} (bug: the config was checked)`)
    // A worker in the supervisor's own session has no group of its own: the group would be us.
    const group = scope === 'group' && spec.session
    if (this.context.isDead(process)) {
      // What is left of a group keeps its number from being used again.
      if (group && groupExists(identity.pid)) signalGroup(identity.pid, number)
    } else if (group) signalGroup(identity.pid, number)
    else signalProcess(identity, number)
    this.note(process, 'signal', `SIG${signal}${group ? ' to its process group' : ''}: ${why}`)
  }

  private tellStop(process: RunningProcess, reason: string, deadlineIn: number | null): void {
    // Without an end of its own the worker is told a day: the protocol has no word for never.
    const deadline = new Date(Date.now() + (deadlineIn ?? 86_400_000)).toISOString()
    this.send(process, { stop: { reason, deadline } })
  }

  private makeStopFile(process: RunningProcess, pattern: string): void {
    const path = stopFilePath(pattern, process)
    try {
      makeEmptyFile(path)
    } catch (error) {
      this.note(process, 'stop-file', `the stop file ${path} could not be made: ${String(error)}`)
    }
  }

  private sendReload(process: RunningProcess): void {
    const { reload } = process.spec
    const sent = (error: string | null): void => this.context.tell(process, { is: 'reload-sent', error })
    if (reload.by === 'command') {
      this.runFor(process, reload.command, reload.timeout, 'reload-command', ({ ok, text }) =>
        sent(ok ? null : `the reload command ${text}`),
      )
    } else if (reload.by === 'signal') {
      const word = process.spec.stdin === 'commands' ? commandWord(reload.signal) : null
      if (word !== null) return sent(process.lane.send(`${word}\n`) ? null : 'its stdin is full: it does not read it')
      this.send(process, { reload: this.newSettings() })
      process.inside?.worker.signal(reload.signal)
      if (process.inside !== null) return sent(null)
      const number = parseSignal(reload.signal)?.number ?? 0
      sent(signalProcess(process.identity, number) === 'sent' ? null : 'it is gone')
    }
  }

  /** A service of the daemon has no configuration that we know. */
  private newSettings(): CommandMessageOf<'reload'> {
    const { workers } = this.context.host
    return workers === undefined ? { config: {} } : { config: workers.config(), logLevel: workers.logLevel() }
  }

  private send(process: RunningProcess, message: CommandMessage): void {
    if (process.inside !== null) return process.inside.worker.tell(message)
    // Where a worker hears messages a forkserver hears orders.
    if (instanceOf(process.service) !== null) return
    if (process.spec.stdin !== 'commands') process.lane.send(formatCommandMessage(message))
  }

  private runFor(
    process: RunningProcess,
    command: readonly string[],
    timeout: number,
    what: string,
    onEnd: (outcome: { ok: boolean; text: string }) => void,
  ): void {
    this.context.auxiliary.run(process.spec, command, this.commandEnvironment(process), timeout, (outcome) => {
      if (!outcome.ok) this.note(process, what, `${command.join(' ')}: ${outcome.text}`)
      onEnd(outcome)
    })
  }

  private commandEnvironment({ spec, pid, service, slot, id }: RunningProcess): Record<string, string> {
    return {
      ...inheritedEnvironment(this.context.host.environment),
      ...accountEnvironment(spec),
      ...spec.env,
      HOLDFAST: '1',
      HOLDFAST_SERVICE: service,
      HOLDFAST_SLOT: String(slot),
      HOLDFAST_ID: id,
      // Not 0: a command that signals it would hit our own group.
      ...(pid === null ? {} : { HOLDFAST_PID: String(pid) }),
    }
  }

  private note({ service, slot, pid, generation }: RunningProcess, event: string, reason: string): void {
    const worker = `${service}/${slot}`
    const known = pid === null ? {} : { pid }
    this.context.journal.write({ kind: 'worker', service, worker, ...known, generation, event, reason })
  }
}

/** Of this process: it has just become the slot's. */
function lastExitOf({ state }: ServiceRuntime, { slot }: RunningProcess): ProcessExit | null {
  return state.slots.find((known) => known.slot === slot)?.lastExit ?? null
}

function stopFilePath(pattern: string, { identity }: RunningProcess): string {
  return pattern.replaceAll('%p', String(identity.pid))
}
