import { isatty } from 'node:tty'
import type { SupervisorSpec } from '../config/effective.ts'
import { exitNow } from '../os/exit-now.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'
import type { Context } from './context.ts'
import { upDetached } from './detach.ts'
import { openForegroundView } from './foreground-view.ts'
import { loadToRun, namedConfig } from './load-config.ts'
import { openSupervisor } from './running-supervisor.ts'
import { holdSignals, ignoreInspectorSignal, installSignals } from './supervisor-signals.ts'
import { widenThreadPool } from './thread-pool.ts'

/** Runs the supervisor in this process, or (--detach) starts it in the background and waits until it is up. */
export async function up(context: Context): Promise<number> {
  const environment = { ...context.environment }
  ignoreInspectorSignal()
  widenThreadPool()
  const { command, paint, uid } = context
  const clean = command.options.clean === true
  const load = (): Promise<SupervisorSpec> => loadToRun(context, environment)
  if (command.options.detach) return upDetached(context, namedConfig(context), load, { environment, clean })
  const spec = await load()
  // What happens before the banner is shown after it.
  const early: JournalEntry[] = []
  let onEvent = (entry: JournalEntry): void => {
    early.push(entry)
  }
  const onTerminal = isatty(0) || isatty(1) || isatty(2)
  const release = holdSignals()
  const running = await openSupervisor(spec, { environment, uid, clean, onEvent: (entry) => onEvent(entry) })
  const view = openForegroundView(running.engine, paint, command.global.quiet, command.global.config)
  onEvent = view.event
  for (const entry of early) view.event(entry)
  installSignals(running, (text) => {
    view.say(text)
    running.log(text)
  })
  release(running)
  const code = await running.ended
  view.say(code === 0 ? 'everything is stopped' : 'not everything could be stopped; see holdfast.log')
  await view.flush()
  // With its terminal closed Node's own exit ends in an abort: it can not set the terminal's mode back.
  return onTerminal ? exitNow(code) : code
}
