// What each route does with the engine. No policy here: the engine decides, the handler translates.
import type { ServerResponse } from 'node:http'
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ProcessIdentity } from '../os/process-identity.ts'
import type {
  ApplyReport,
  Engine,
  OperationOutcome,
  OperationRequest,
  OperationVerb,
  Progress,
} from '../supervisor/engine-api.ts'
import { paintFor } from './colours.ts'
import { reportDown } from './down-progress.ts'
import { answerEvents } from './event-route.ts'
import { EventStream } from './event-stream.ts'
import { answerLogs } from './log-route.ts'
import { notReadyIn } from './not-ready.ts'
import type { Call } from './read-call.ts'
import { sendJson } from './reply.ts'
import { OPERATION_VERBS, type RouteName } from './routes.ts'
import { statusText } from './status-text.ts'
import type { StreamBudget } from './stream-budget.ts'

export interface ControlHost {
  readonly engine: Engine
  /** The process that ends after `down`; null where it outlives the supervisor (an embedding program). */
  readonly process: ProcessIdentity | null
  /** The config file as it is now, read in a process of its own. @throws HoldfastError HF_CONFIG_INVALID … */
  readConfig(): Promise<SupervisorSpec>
  /** Converges to it. */
  readonly apply: Engine['apply']
  /** An operation was asked, before it is carried out. */
  readonly onOperate?: (request: OperationRequest) => void
  /** Stops the services, then the process (or what else the host stands for), after the answers under way. */
  down(options: { timeout?: number; immediate?: boolean }): Promise<OperationOutcome>
}

export interface Reply {
  readonly response: ServerResponse
  /** Bytes that an event stream may have waiting. */
  readonly maxStreamBuffer: number
  readonly streams: StreamBudget
}

export type Handler = (host: ControlHost, call: Call, reply: Reply) => Promise<void> | void

const HANDLERS: Readonly<Record<RouteName, Handler>> = {
  ...(Object.fromEntries(OPERATION_VERBS.map((verb) => [verb, operate])) as Record<OperationVerb, Handler>),
  async status({ engine }, { options }, { response }) {
    await engine.lookAtLocks()
    const targets = (options.target ?? []) as readonly string[]
    const memory = options.memory === true
    if (options.table !== true) return sendJson(response, 200, engine.status({ targets, memory }))
    const report = engine.status({ targets, memory, brief: !memory })
    const paint = paintFor(options.color === true, false, {})
    const width = typeof options.width === 'number' ? options.width : null
    const text = statusText(report, { paint, width, now: Date.now() })
    sendJson(response, 200, { text, notReady: notReadyIn(report) })
  },
  settled({ engine }, call, reply) {
    return outcomeOf(call, reply, () => engine.settled())
  },
  apply: applyConfig,
  down(host, call, reply) {
    const { timeout, immediate } = call.options
    const options = { ...(timeout === undefined ? {} : { timeout: Number(timeout) }), immediate: immediate === true }
    // Who asked waits for the process to be gone, and may not know it.
    return outcomeOf(call, reply, async (onProgress) => {
      const stop = call.wantsEvents ? reportDown(host.engine, onProgress) : ignore
      const outcome = await host.down(options).finally(stop)
      return { ...outcome, process: host.process }
    })
  },
  events: answerEvents,
  logs: answerLogs,
  async why({ engine }, { targets }, { response }) {
    sendJson(response, 200, await engine.why(oneTarget(targets)))
  },
  dump({ engine }, { options }, { response }) {
    const { target } = options
    sendJson(response, 200, target === undefined ? engine.dump() : engine.dump(String(target)))
  },
  config({ engine }, _call, { response }) {
    sendJson(response, 200, engine.spec)
  },
}

/** Answers the call. @throws HoldfastError when nothing was done and nothing was answered yet. */
export async function handleCall(host: ControlHost, call: Call, reply: Reply): Promise<void> {
  await HANDLERS[call.route.name](host, call, reply)
}

function operate({ engine, onOperate }: ControlHost, call: Call, reply: Reply): Promise<void> {
  const { wait: _, ...options } = call.options
  const verb = call.route.name as OperationVerb
  if (call.targets.length === 0) throw badRequest('no target given')
  if (verb === 'scale' && options.count === undefined) throw badRequest('count is missing, e.g. {"count":"+1"}')
  if (verb === 'signal' && options.signal === undefined) throw badRequest('signal is missing, e.g. {"signal":"HUP"}')
  const request = { ...options, verb, targets: call.targets } as OperationRequest
  onOperate?.(request)
  return outcomeOf(call, reply, (onProgress) => engine.operate(request, onProgress))
}

async function applyConfig(host: ControlHost, call: Call, reply: Reply): Promise<void> {
  const { dryRun, replace } = call.options
  const spec = await host.readConfig()
  const run = (onProgress: (progress: Progress) => void) =>
    host.apply(spec, { dryRun: dryRun === true, replace: replace === true }, onProgress)
  await outcomeOf(call, reply, run)
}

type Result = OperationOutcome | ApplyReport

/** Runs what takes its time: as events, as one answer at the end, or (`wait: false`) without waiting for the end. */
async function outcomeOf(
  call: Call,
  reply: Reply,
  run: (onProgress: (progress: Progress) => void) => Promise<Result>,
): Promise<void> {
  const { response } = reply
  if (call.options.wait === false) return startOnly(response, run(ignore))
  if (!call.wantsEvents) {
    const result = await run(ignore)
    if (hasFailed(result)) sendJson(response, 409, { ...failure(call, result), ...result })
    else sendJson(response, 200, result)
    return
  }
  const early: Progress[] = []
  let stream: EventStream | null = null
  const running = run((progress) => {
    if (stream) stream.send('progress', progress)
    else early.push(progress)
  })
  // What is refused at once is an answer with the error's own status, not a stream.
  await Promise.race([running, oneTurn()])
  stream = new EventStream(reply, reply.maxStreamBuffer)
  for (const progress of early) stream.send('progress', progress)
  try {
    stream.end('done', await running)
  } catch (error) {
    stream.fail(error)
  }
}

/** What is refused is refused within one turn of the event loop; after that the operation is on its way. */
async function startOnly(response: ServerResponse, running: Promise<Result>): Promise<void> {
  await Promise.race([running, oneTurn()])
  // Its outcome stands in the journal.
  running.catch(ignore)
  sendJson(response, 202, { accepted: true })
}

function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function hasFailed(result: Result): boolean {
  const outcome = 'ok' in result ? result : result.outcome
  return outcome !== undefined && !outcome.ok
}

function failure(call: Call, result: Result): { code: string; message: string; hint: string } {
  const outcome = 'ok' in result ? result : result.outcome
  const failed = (outcome?.services ?? []).filter((service) => !service.ok).map((service) => service.service)
  const detail = { verb: call.route.name, services: failed.join(', '), first: failed[0] ?? 'all' }
  const { code, message, hint } = new HoldfastError('HF_OPERATION_FAILED', detail)
  return { code, message, hint }
}

function oneTarget(targets: readonly string[]): string {
  const [target, ...more] = targets
  if (target === undefined || more.length > 0) throw badRequest('exactly one target is needed')
  return target
}

function badRequest(problem: string): HoldfastError {
  return new HoldfastError('HF_BAD_REQUEST', { problem })
}

function ignore(): void {}
