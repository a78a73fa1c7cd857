// A forkserver's process is kept up as the worker of a service is: this is that service.
import type { ForkserverSpec, ServiceSpec, SignalStep } from '../config/effective.ts'
import { forkserverCommand } from '../forkserver/runner-command.ts'
import { instanceName } from './forkserver-name.ts'

const step = (signal: string, wait: number | null): SignalStep => ({ signal, wait, every: null, increment: 0 })

/** It has nothing to finish: its workers do not need it. */
const STOP_TIMEOUT = 2_000

/** @param sockets of all services that fork from it */
export function serviceOfForkserver(
  spec: ForkserverSpec,
  generation: number,
  { sockets, session }: { readonly sockets: readonly string[]; readonly session: ServiceSpec['session'] },
): ServiceSpec {
  const { description, cwd, user, group, env, startTimeout, restart } = spec
  return {
    name: instanceName(spec.name, generation),
    description,
    tags: [],
    command: forkserverCommand(spec),
    forkserver: null,
    entry: null,
    instances: 1,
    autostart: false,
    dependsOn: {},
    cwd,
    user,
    group,
    umask: null,
    nice: 0,
    env,
    limits: {},
    session,
    sockets,
    stdin: null,
    stdout: 'log',
    stderr: 'log',
    startTimeout,
    ready: { by: 'notify' },
    heartbeat: null,
    requestTimeout: null,
    restart,
    pace: { interval: 0, jitter: 0 },
    earlyDeath: { firstBoot: 'back-off', newGeneration: 'back-off', steady: 'back-off' },
    stop: {
      signals: [step('TERM', STOP_TIMEOUT), step('KILL', STOP_TIMEOUT)],
      timeout: STOP_TIMEOUT,
      file: null,
      fileTimeout: 0,
      command: null,
      // Workers without a session of their own are in its group, and live on.
      group: false,
      drainTimeout: null,
    },
    reload: { by: 'rolling', timeout: startTimeout },
    rollout: { maxSurge: 0, maxUnavailable: 1, minReady: 0, canary: false, timeout: startTimeout },
    slots: null,
  }
}
