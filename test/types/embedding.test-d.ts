// The types of the engine in a program, of what happens in it, and of the things that need no server. Nothing here is run.
import {
  BlockingFlag,
  ConfigError,
  createLogger,
  createSupervisor,
  type ErrorCode,
  HoldfastError,
  type JournalEntry,
  type Logger,
  type LogLevel,
  type OperationOutcome,
  type Problem,
  type StatusReport,
  type Supervisor,
  type TransferredFlag,
  type WorkerStateName,
} from 'holdfast'
import { expectTypeOf } from 'vitest'

// --- The engine.

const supervisor = await createSupervisor({ services: { web: { command: 'sleep 1' } } }, { directory: '/' })
expectTypeOf(supervisor).toEqualTypeOf<Supervisor>()
expectTypeOf(supervisor.status({ memory: true })).toEqualTypeOf<StatusReport>()
expectTypeOf(supervisor.operate({ verb: 'scale', targets: ['web'], count: '+1' })).toEqualTypeOf<
  Promise<OperationOutcome>
>()
// @ts-expect-error unknown verb
supervisor.operate({ verb: 'reboot', targets: ['web'] })
// @ts-expect-error command
createSupervisor({ services: { web: { comand: 'sleep 1' } } })
// @ts-expect-error services
supervisor.apply({ service: {} })

// --- What happens.

const forget = supervisor.onEvent((entry) => {
  expectTypeOf(entry).toEqualTypeOf<JournalEntry>()
  expectTypeOf(entry.kind).toEqualTypeOf<'worker' | 'rollout' | 'supervisor'>()
  expectTypeOf(entry.at).toEqualTypeOf<string>()
  expectTypeOf(entry.seq).toEqualTypeOf<number>()
  expectTypeOf(entry.worker).toEqualTypeOf<string | undefined>()
  expectTypeOf(entry.reason).toEqualTypeOf<string>()
})
expectTypeOf(forget).toEqualTypeOf<() => void>()
supervisor.onLine(['web'], ({ stream, line }) => {
  expectTypeOf(stream).toEqualTypeOf<'out' | 'err'>()
  expectTypeOf(line).toEqualTypeOf<string>()
})
const state = supervisor.status().services[0]?.workers[0]?.state
expectTypeOf(state).toEqualTypeOf<WorkerStateName | undefined>()
// @ts-expect-error there is no such state
export const isAsleep = state === 'asleep'

// --- Errors.

declare const error: unknown
if (error instanceof HoldfastError) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
if (error instanceof ConfigError) expectTypeOf(error.problems).toEqualTypeOf<readonly Problem[]>()
// @ts-expect-error not a code
export const code: ErrorCode = 'HF_NONSENSE'

// --- BlockingFlag.

const flag = BlockingFlag.shared()
expectTypeOf(flag.transfer()).toEqualTypeOf<TransferredFlag>()
expectTypeOf(BlockingFlag.from(flag.transfer())).toEqualTypeOf<BlockingFlag>()
expectTypeOf(flag.waitForSet(10, { signal: AbortSignal.timeout(1) })).toEqualTypeOf<Promise<boolean>>()
expectTypeOf(flag.waitForResetSync()).toEqualTypeOf<boolean>()
expectTypeOf(flag.isSet).toEqualTypeOf<boolean>()
// @ts-expect-error set() and reset()
flag.isSet = true
// @ts-expect-error milliseconds
flag.waitForSet('1s')
// @ts-expect-error a flag is handed over with transfer()
BlockingFlag.from(flag)

// --- The logger.

const log = createLogger({ to: 'stdout', level: 'notice', keep: 3 })
expectTypeOf(log).toEqualTypeOf<Logger>()
expectTypeOf(log.child('mail').trace('a', { b: 1 })).toEqualTypeOf<boolean>()
expectTypeOf(log.level).toEqualTypeOf<LogLevel>()
expectTypeOf(log.flush({ deadline: 100 })).toEqualTypeOf<Promise<boolean>>()
log.level = 'crit'
log.level = 2
// @ts-expect-error unknown level
log.level = 'loud'
// @ts-expect-error a place to write to
createLogger({ level: 'info' })
// @ts-expect-error maxSize
createLogger({ to: 'a.log', maxsize: 1 })
