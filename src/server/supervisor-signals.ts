// What signals mean to the supervisor: a skin over the commands.
import { closeSync, openSync } from 'node:fs'
import type { RunningSupervisor } from './running-supervisor.ts'

/** Node would open its inspector on SIGUSR1: until the supervisor runs it is ignored. */
export function ignoreInspectorSignal(): void {
  process.on('SIGUSR1', () => {})
}

/**
 * Until there is a supervisor to stop: a signal that comes while it starts would end the process by default, and orphan the
 * workers that were started already. @returns what to hand on as soon as there is one
 */
export function holdSignals(): HeldSignals {
  const hadTerminal = terminalOpens()
  let asked: NodeJS.Signals | null = null
  const hold = (signal: NodeJS.Signals): void => {
    asked ??= signal
  }
  for (const signal of STOPPING) process.on(signal, hold)
  return {
    hadTerminal,
    release(running, say) {
      for (const signal of STOPPING) process.off(signal, hold)
      if (asked === null) return
      const cause = asked === 'SIGHUP' && hadTerminal && !terminalOpens() ? TERMINAL_GONE : `${asked} during the start`
      say(`${cause}: stopping everything`)
      void running.stop({ immediate: asked === 'SIGQUIT' })
    },
  }
}

export interface HeldSignals {
  /** Before anything was started: it may be gone when the supervisor is there. */
  readonly hadTerminal: boolean
  release(running: RunningSupervisor, say: (text: string) => void): void
}

const TERMINAL_GONE = 'the terminal is gone'

const STOPPING = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'] as const

/** Takes the signals over from `held`. */
export function installSignals(held: HeldSignals, running: RunningSupervisor, say: (text: string) => void): void {
  let asked = false
  const stop = (signal: string) => () => {
    say(
      asked
        ? `${signal} again: on to the next step of each stop ladder`
        : `${signal}: stopping everything (again: hurry)`,
    )
    asked = true
    void running.stop()
  }
  process.on('SIGTERM', stop('SIGTERM'))
  process.on('SIGINT', stop('SIGINT'))
  process.on('SIGQUIT', () => {
    say('SIGQUIT: stopping everything at once')
    void running.stop({ immediate: true })
  })
  process.on('SIGHUP', () => {
    if (held.hadTerminal && !terminalOpens()) {
      say(`${TERMINAL_GONE}: stopping everything`)
      void running.stop()
    } else {
      void applyConfig(running, say)
    }
  })
  process.on('SIGUSR1', () => {
    say('SIGUSR1: opening the logs anew')
    running.reopenLogs()
  })
  // An exception in one callback is a bug; to leave every service without its supervisor for it would be a worse one.
  process.on('uncaughtException', (error) => running.log(`internal error: ${error.stack ?? error.message}`))
  process.on('SIGUSR2', () => say('SIGUSR2: upgrade is not available yet'))
  held.release(running, say)
}

async function applyConfig(running: RunningSupervisor, say: (text: string) => void): Promise<void> {
  say('SIGHUP: reading the config again')
  try {
    const { changes, outcome } = await running.apply()
    for (const { service, change, effect } of changes)
      if (change !== 'unchanged') say(`apply: ${service} ${change}: ${effect}`)
    say(outcome === undefined || outcome.ok ? 'apply: done' : 'apply: not everything came up; see holdfast status')
  } catch (error) {
    const { message, detail } = error as Error & { detail?: { problems?: unknown } }
    say(`apply: nothing changed: ${message}`)
    if (typeof detail?.problems === 'string') say(detail.problems)
  }
}

/** ENXIO: this process has no controlling terminal, or has it no more. */
export function terminalOpens(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
