// What `process` says about itself in a forked worker, where Node looked it up before the fork.
import { pidOfThisProcess } from '../../os/own-pid.ts'
import { withoutNodeFlags } from '../node-flags.ts'
import type { StartOrder } from './start-order.ts'
import { isTold } from './told-variables.ts'

/** Once: a worker may become a forkserver, and what is left then was chosen by the user. */
const ownFlags = withoutNodeFlags(process.execArgv)
const INSPECT_PORT = /--(?:inspect|debug)-port/

export function takeProcessFacts(order: Pick<StartOrder, 'id' | 'entry'>): void {
  Object.defineProperty(process, 'pid', {
    value: pidOfThisProcess(),
    configurable: true,
    enumerable: true,
    writable: false,
  })
  process.title = `holdfast ${order.id} ${order.entry ?? ''}`.trimEnd()
  // SIGUSR1 opens the inspector. Unless somebody has named a port, each worker takes one that is free.
  if (!INSPECT_PORT.test(`${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS}`)) process.debugPort = 0
  // What the worker starts by child_process.fork is a Node as any other.
  process.execArgv = [...ownFlags]
  const bornAt = performance.now()
  process.uptime = () => (now() - bornAt) / 1000
  const { timeOrigin } = performance
  const now = performance.now.bind(performance)
  Object.defineProperty(performance, 'now', { value: () => now() - bornAt, configurable: true, writable: true })
  Object.defineProperty(performance, 'timeOrigin', { value: timeOrigin + bornAt, configurable: true, enumerable: true })
}

/** What the forkserver was told is not for its workers, what the application has set since is. */
export function takeEnvironment(order: StartOrder, descriptors: Readonly<Record<string, string>>): void {
  takeVariables({ ...order.env, ...descriptors })
  if (order.env.LISTEN_FDS !== undefined) process.env.LISTEN_PID = String(process.pid)
}

/** In place of what the process before was told. */
export function takeVariables(variables: Readonly<Record<string, string | null>>): void {
  for (const name of Object.keys(process.env)) if (isTold(name)) delete process.env[name]
  for (const [name, value] of Object.entries(variables)) {
    // Most are what they were: to look is faster than to set.
    if (value === null) delete process.env[name]
    else if (process.env[name] !== value) process.env[name] = value
  }
}
