import { isatty } from 'node:tty'
import type { SupervisorSpec } from '../config/effective.ts'
import { exitNow } from '../os/exit-now.ts'
import { requirePlatform } from '../os/libc.ts'
import { startThreadPool } from '../os/thread-pool.ts'
import { type ForegroundView, openForegroundView } from '../server/foreground-view.ts'
import { openSupervisor } from '../server/running-supervisor.ts'
import { holdSignals, ignoreInspectorSignal, installSignals } from '../server/supervisor-signals.ts'
import type { Context } from './context.ts'
import { upDetached } from './detach.ts'
import { loadToRun, namedConfig } from './load-config.ts'

/** Runs the supervisor in this process, or (--detach) starts it in the background and waits until it is up. */
export async function up(context: Context): Promise<number> {
  const environment = { ...context.environment }
  ignoreInspectorSignal()
  const { command, paint, uid } = context
  const clean = command.options.clean === true
  const load = (): Promise<SupervisorSpec> => loadToRun(context, environment)
  if (command.options.detach) return upDetached(context, namedConfig(context), load, { environment, clean })
  requirePlatform()
  startThreadPool()
  const spec = await load()
  const opened: { view?: ForegroundView } = {}
  const onTerminal = isatty(0) || isatty(1) || isatty(2)
  const held = holdSignals()
  const running = await openSupervisor(spec, {
    environment,
    uid,
    clean,
    // Before the first service is started: no line can be said before somebody looks.
    onOpen(engine) {
      opened.view = openForegroundView(engine, paint, {
        quiet: command.global.quiet,
        who: `supervisor of "${spec.name}"`,
        statusCommand: context.typed('status'),
      })
    },
    onEvent: (entry) => opened.view?.event(entry),
  })
  const { view } = opened
  if (view === undefined) throw new Error('the supervisor started without its view (bug)')
  installSignals(held, running, (text) => {
    view.say(text)
    running.log(text)
  })
  const code = await running.ended
  const { itsOwnReason } = running
  if (itsOwnReason !== null) view.say(`everything is stopped, for ${itsOwnReason}`)
  else view.say(code === 0 ? 'everything is stopped' : 'not everything could be stopped; see holdfast.log')
  await view.flush()
  // With its terminal closed Node's own exit ends in an abort: it can not set the terminal's mode back.
  return onTerminal ? exitNow(code) : code
}
