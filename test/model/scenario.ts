// Random lives of a service: how it is declared, and what its operator and the world do to it.
import fc from 'fast-check'
import type { ServiceSpec } from '../../src/config/effective.ts'
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type { RolloutMode } from '../../src/rollout/service-state.ts'
import { PROGRAMS } from './fake-program.ts'
import { serviceSpec, step } from './service-spec.ts'
import type { Simulation, WithoutTime } from './simulation.ts'

export interface Setup {
  readonly spec: ServiceSpec
  readonly seed: number
  readonly rough: boolean
  readonly eager: boolean
  readonly throughJson: boolean
}

const STOPS = {
  usual: { signals: [step('TERM', 1_000), step('KILL', 1_000)] },
  hasty: { signals: [step('KILL', 500)] },
  patient: { signals: [step('TERM', 700, { every: 100, increment: 50 }), step('INT', 300), step('KILL', 1_000)] },
  wordy: {
    file: '/run/stop-%p',
    fileTimeout: 400,
    command: ['bye'],
    timeout: 600,
    signals: [step('TERM', 500), step('KILL', 500)],
  },
  alone: { group: false, signals: [step('TERM', 1_000), step('KILL', 1_000)] },
} as const

const PACES = [
  { interval: 0, jitter: 0.2 },
  { interval: 0, jitter: 0.2 },
  { interval: 150, jitter: 0.2 },
  { interval: 3_000, jitter: 0.5 },
] as const

const earlyDeathPolicy = fc.constantFrom('back-off', 'back-off', 'back-off', 'shut-down')

/** Both 0 would leave no way to replace anybody. */
const BOUNDS = [0, 1, 2].flatMap((maxSurge) =>
  [0, 1, 2]
    .filter((maxUnavailable) => maxSurge + maxUnavailable > 0)
    .map((maxUnavailable) => ({ maxSurge, maxUnavailable })),
)

export const setups: fc.Arbitrary<Setup> = fc
  .record({
    program: fc.constantFrom('good', 'good', 'mixed', ...PROGRAMS),
    instances: fc.nat(4),
    bounds: fc.constantFrom(...BOUNDS),
    minReady: fc.constantFrom(0, 100),
    canary: fc.boolean(),
    when: fc.constantFrom('always', 'always', 'on-failure', 'never'),
    maxRetries: fc.constantFrom(null, null, 4),
    ready: fc.constantFrom(
      { by: 'notify' } as const,
      { by: 'delay', delay: 0 } as const,
      { by: 'delay', delay: 50 } as const,
    ),
    heartbeat: fc.boolean(),
    pace: fc.constantFrom(...PACES),
    earlyDeath: fc.record({ firstBoot: earlyDeathPolicy, newGeneration: earlyDeathPolicy, steady: earlyDeathPolicy }),
    stop: fc.constantFrom(...Object.values(STOPS)),
    reload: fc.constantFrom(
      { by: 'signal', signal: 'HUP', timeout: 2_000 } as const,
      { by: 'command', command: ['reload'], timeout: 2_000 } as const,
    ),
    seed: fc.nat(1_000_000),
    rough: fc.boolean(),
    eager: fc.boolean(),
    throughJson: fc.boolean(),
  })
  .map(
    ({ program, bounds, minReady, canary, when, maxRetries, heartbeat, seed, rough, eager, throughJson, ...rest }) => ({
      ...{ seed, rough, eager, throughJson },
      spec: serviceSpec({
        ...rest,
        command: [program],
        startTimeout: 3_000,
        heartbeat: heartbeat ? { interval: 100, timeout: 500, signals: [step('ABRT', 200), step('KILL', 500)] } : null,
        restart: { when, maxRetries, jitter: 0.2 },
        rollout: { ...bounds, minReady, canary, timeout: 20_000 },
      }),
    }),
  )

export type Command =
  | { readonly do: 'start' | 'stop'; readonly slots: readonly number[] | null }
  | { readonly do: 'restart'; readonly slots: readonly number[] | null; readonly mode: RolloutMode }
  | { readonly do: 'deploy'; readonly program: string; readonly renew: boolean; readonly desired: number | null }
  | { readonly do: 'scale'; readonly desired: number }
  | { readonly do: 'reload' | 'hurry' | 'kill' }
  | { readonly do: 'gate'; readonly waitsFor: readonly string[] }
  | { readonly do: 'pass'; readonly millis: number }
  | { readonly do: 'gap'; readonly millis: number; readonly together: boolean }
  | { readonly do: 'crash' | 'hang' | 'finish'; readonly which: number }
  | { readonly do: 'late-news'; readonly which: number; readonly event: WithoutTime<ProcessEvent> }

const someSlots = fc.option(fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 3 }), { nil: null, freq: 2 })
const which = fc.nat(7)

/** News that can not be true of a process that lives are for the dead only. */
const lateNews: fc.Arbitrary<WithoutTime<ProcessEvent>> = fc.constantFrom<WithoutTime<ProcessEvent>>(
  { is: 'spawned', process: { pid: 2, startTime: 999_999 } },
  { is: 'spawn-failed', error: 'late' },
  { is: 'ready' },
  { is: 'reloading' },
  { is: 'finishing' },
  { is: 'extend', by: 100 },
  { is: 'overdue', which: 'heartbeat', late: 1 },
  { is: 'reload-sent', error: null },
  { is: 'exited', code: 0, signal: null, leftover: true },
  { is: 'swept' },
  { is: 'stop', why: { kind: 'replace', text: 'late' } },
  { is: 'tick' },
)

export const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      millis: fc.oneof(fc.nat(60), fc.nat(2_000), fc.nat(30_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('start' as const), slots: someSlots }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), slots: someSlots }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      slots: someSlots,
      mode: fc.constantFrom<RolloutMode>('rolling', 'rolling', 'cold', 'at-once'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('deploy' as const),
      program: fc.constantFrom('good', 'good', 'mixed', ...PROGRAMS),
      renew: fc.boolean(),
      desired: fc.option(fc.nat(4), { nil: null, freq: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('scale' as const), desired: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('reload' as const, 'hurry' as const, 'kill' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('gate' as const),
      waitsFor: fc.constantFrom([], [], ['db (ready)'], ['mq (ready)', 'db (ready)']),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('gap' as const),
      millis: fc.integer({ min: 1_000, max: 120_000 }),
      together: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('crash' as const, 'crash' as const, 'hang' as const, 'finish' as const),
      which,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('late-news' as const), which, event: lateNews }) },
)

export function obey(world: Simulation, command: Command): void {
  switch (command.do) {
    case 'start':
      return world.send({ is: 'start', slots: command.slots })
    case 'stop':
      return world.send({ is: 'stop', slots: command.slots, text: 'stopped by the operator' })
    case 'restart':
      return world.send({ is: 'restart', slots: command.slots, mode: command.mode, cause: 'restart by the operator' })
    case 'deploy': {
      const { service } = world
      const old = service.specs[service.generation] ?? serviceSpec()
      const spec = { ...old, command: [command.program] }
      return world.send({ is: 'deploy', spec, renew: command.renew, desired: command.desired ?? service.desired })
    }
    case 'scale':
      return world.send({ is: 'scale', desired: command.desired })
    case 'reload':
      return world.send({ is: 'reload', slots: null })
    case 'hurry':
      return world.send({ is: 'hurry' })
    case 'kill':
      return world.send({ is: 'kill', text: 'killed by the operator' })
    case 'gate':
      return world.send({ is: 'gate', waitsFor: command.waitsFor })
    case 'pass':
      return world.advance(command.millis)
    case 'gap':
      return world.gap(command.millis, command.together)
    case 'crash':
    case 'hang':
    case 'finish': {
      const living = world.living()
      const process = living[command.which % Math.max(1, living.length)]
      if (process === undefined) return
      if (command.do === 'crash') return world.kill9(process)
      return command.do === 'hang' ? world.hang(process) : world.finish(process)
    }
    case 'late-news': {
      const dead = [...world.processes.values()].filter((process) => process.released)
      const process = dead[command.which % Math.max(1, dead.length)]
      if (process === undefined) return world.tell(command.which, 99, command.event)
      return world.tell(process.slot, process.number, command.event)
    }
  }
}

/** How many runs, times `MODEL_RUNS` where a long run is asked for. */
export function runs(usual: number): number {
  return usual * Number(process.env.MODEL_RUNS ?? 1)
}

/** For `vi.setConfig`: the machine may be busy, and a long run is meant to be one. */
export const patience = { testTimeout: runs(60_000) }
