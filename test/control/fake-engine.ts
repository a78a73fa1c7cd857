// An engine in memory: it remembers what it was asked and answers what the test put there.
import type { SupervisorSpec } from '../../src/config/effective.ts'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'
import type { ServiceLog } from '../../src/logs/service-log.ts'
import type {
  Engine,
  JournalEntry,
  LogLine,
  OperationOutcome,
  OperationRequest,
  Progress,
} from '../../src/supervisor/engine-api.ts'
import type { StatusReport } from '../../src/supervisor/status-report.ts'

type OnProgress = (progress: Progress) => void

export class FakeEngine {
  readonly asked: unknown[] = []
  readonly listeners = new Set<(entry: JournalEntry) => void>()
  readonly lineListeners = new Set<(line: LogLine) => void>()
  outcome: OperationOutcome = { ok: true, services: [{ service: 'web', ok: true, message: 'done' }] }
  /** What an operation does before its outcome. */
  during: (onProgress: OnProgress) => Promise<void> = async () => {}
  report: StatusReport = {
    supervisor: {
      pid: 1,
      version: '0',
      startedAt: '2026-01-01T00:00:00.000Z',
      config: '/c',
      node: 'v20',
      name: 'test',
    },
    services: [],
    sockets: [],
    forkservers: [],
    locks: [],
  }
  readonly spec: SupervisorSpec
  readonly journalFile: string

  constructor(directory: string) {
    this.journalFile = `${directory}/events.jsonl`
    this.spec = {
      name: 'test',
      configFile: `${directory}/holdfast.yaml`,
      runtimeDir: directory,
      logDir: directory,
      stateDir: directory,
      control: { socket: `${directory}/control.sock`, mode: 0o600, allow: [] },
      sockets: {},
      forkservers: {},
      services: {},
    }
  }

  async settled(): Promise<OperationOutcome> {
    this.asked.push(['settled'])
    return this.outcome
  }

  async lookAtLocks(): Promise<void> {}

  status(query?: unknown): StatusReport {
    this.asked.push(['status', query])
    return this.report
  }

  async operate(request: OperationRequest, onProgress: OnProgress = () => {}): Promise<OperationOutcome> {
    this.asked.push(['operate', request])
    this.refuseUnknown(request.targets)
    await this.during(onProgress)
    return this.outcome
  }

  async apply(
    spec: SupervisorSpec,
    options?: unknown,
  ): Promise<{ changes: []; sockets: []; notes: []; outcome: OperationOutcome }> {
    this.asked.push(['apply', spec, options])
    return { changes: [], sockets: [], notes: [], outcome: this.outcome }
  }

  async why(target: string): Promise<{ target: string; answers: [] }> {
    this.asked.push(['why', target])
    this.refuseUnknown([target])
    return { target, answers: [] }
  }

  async down(options?: unknown): Promise<OperationOutcome> {
    this.asked.push(['down', options])
    return this.outcome
  }

  letGo(): Promise<OperationOutcome> {
    return this.down()
  }

  onEvent(listener: (entry: JournalEntry) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  onLine(_services: readonly string[] | null, listener: (line: LogLine) => void): () => void {
    this.lineListeners.add(listener)
    return () => this.lineListeners.delete(listener)
  }

  logFile(service: string): string {
    return `${this.spec.logDir}/${service}.log`
  }

  resolve(targets: readonly string[]): { service: string; slots: number[] | null }[] {
    this.refuseUnknown(targets)
    return targets.map((target) => {
      const [service = '', slot] = target.split('/')
      return { service, slots: slot === undefined ? null : [Number(slot)] }
    })
  }

  logs: ServiceLog[] = []

  serviceLogs(): ServiceLog[] {
    return this.logs
  }

  async journalWritten(): Promise<void> {}

  checkRuntime(): void {}

  tell(): void {}

  reopenLogs(): void {}

  dump(target?: string): unknown {
    this.asked.push(['dump', target])
    return { slots: [] }
  }

  private refuseUnknown(targets: readonly string[]): void {
    const unknown = targets.find((target) => target.startsWith('nothing'))
    if (unknown) throw new HoldfastError('HF_TARGET_UNKNOWN', { target: unknown, known: 'web' })
  }
}

/** The fake is an Engine as far as the control server is concerned. */
export function asEngine(fake: FakeEngine): Engine {
  return fake
}
