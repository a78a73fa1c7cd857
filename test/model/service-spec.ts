// A service declaration with small numbers, for tests of the pure core.
import type {
  EarlyDeathSpec,
  PaceSpec,
  RestartSpec,
  RolloutSpec,
  ServiceSpec,
  SignalStep,
  StopSpec,
} from '../../src/config/effective.ts'

export type SpecChanges = Partial<Omit<ServiceSpec, 'restart' | 'pace' | 'earlyDeath' | 'stop' | 'rollout'>> & {
  readonly restart?: Partial<RestartSpec>
  readonly pace?: Partial<PaceSpec>
  readonly earlyDeath?: Partial<EarlyDeathSpec>
  readonly stop?: Partial<StopSpec>
  readonly rollout?: Partial<RolloutSpec>
}

export function step(signal: string, wait: number | null, more: Partial<SignalStep> = {}): SignalStep {
  return { signal, wait, every: null, increment: 0, ...more }
}

/** The defaults of a service without sockets, `ready: notify`, and no jitter. */
export function serviceSpec({ restart, pace, earlyDeath, stop, rollout, ...rest }: SpecChanges = {}): ServiceSpec {
  return {
    name: 'web',
    description: '',
    tags: [],
    command: ['good'],
    forkserver: null,
    entry: null,
    instances: 1,
    autostart: true,
    dependsOn: {},
    cwd: '/',
    user: null,
    group: null,
    umask: null,
    nice: 0,
    env: {},
    limits: {},
    session: true,
    sockets: [],
    stdin: null,
    stdout: 'log',
    stderr: 'log',
    startTimeout: 30_000,
    ready: { by: 'notify' },
    heartbeat: null,
    requestTimeout: null,
    slots: null,
    reload: { by: 'rolling', timeout: 30_000 },
    ...rest,
    restart: {
      when: 'always',
      immediate: 3,
      initial: 100,
      factor: 2,
      max: 30_000,
      jitter: 0,
      resetAfter: 1_000,
      maxRetries: null,
      delay: 0,
      unrecoverable: [],
      stopAllOnUnrecoverable: false,
      ...restart,
    },
    pace: { interval: 0, jitter: 0, ...pace },
    earlyDeath: { firstBoot: 'back-off', newGeneration: 'back-off', steady: 'back-off', ...earlyDeath },
    stop: {
      signals: [step('TERM', 10_000), step('KILL', 10_000)],
      timeout: 10_000,
      drainTimeout: null,
      file: null,
      fileTimeout: 10_000,
      command: null,
      group: true,
      ...stop,
    },
    rollout: { maxSurge: 0, maxUnavailable: 1, minReady: 0, canary: true, timeout: 300_000, ...rollout },
  }
}
