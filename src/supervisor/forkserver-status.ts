// What `status` shows of forkservers.
import type { ForkserverSpec } from '../config/effective.ts'
import type { ForkserverInstance } from './forkserver-instance.ts'
import type { Interpreter } from './interpreter.ts'
import { reportService, type StatusSources } from './status.ts'
import type { ForkserverReport, OtherForkserverReport, WorkerReport } from './status-report.ts'

export function reportForkservers(
  interpreter: Interpreter,
  declared: Readonly<Record<string, ForkserverSpec>>,
  names: readonly string[],
  sources: StatusSources,
): ForkserverReport[] {
  return names.map((name) => {
    const instances = interpreter.forkservers.of(name)
    const newest = interpreter.forkservers.newest(name) ?? instances.at(-1) ?? null
    const spec = newest?.spec ?? declared[name]
    const { description = '' } = declared[name] ?? spec ?? {}
    const others = instances.filter((instance) => instance !== newest)
    return {
      name,
      description,
      runtime: spec?.command == null ? (spec?.runtime ?? 'node') : 'own',
      auto: spec?.auto ?? true,
      ...(newest === null
        ? { ...NOT_RUNNING, workers: interpreter.forkservers.workersFrom(name) }
        : reportInstance(interpreter, newest, sources)),
      others: others.map((instance) => reportOther(interpreter, instance)),
    }
  })
}

const NOT_RUNNING = {
  state: 'stopped',
  ready: false,
  pid: null,
  generation: 0,
  since: null,
  startedAt: null,
  forks: 0,
  failedForks: 0,
  coldStarts: 0,
  modules: null,
  loadMillis: null,
  restarts: 0,
  failures: 0,
  nextRetryAt: null,
  lastExit: null,
  rss: null,
  cpuSeconds: null,
  message: '',
} as const

function reportInstance(
  interpreter: Interpreter,
  instance: ForkserverInstance,
  sources: StatusSources,
): Omit<ForkserverReport, 'name' | 'description' | 'runtime' | 'auto' | 'others'> {
  const runtime = interpreter.registry.get(instance.name)
  const report = runtime === undefined ? null : reportService(runtime, null, { ...sources, brief: false })
  const worker: WorkerReport | undefined = report?.workers[0]
  const { counts, loaded } = instance
  return {
    state: worker?.state ?? 'stopped',
    ready: loaded !== null,
    pid: worker?.pid ?? null,
    generation: instance.generation,
    since: worker?.since ?? null,
    startedAt: worker?.startedAt ?? null,
    workers: interpreter.forkservers.workersOf(instance),
    forks: counts.forks,
    failedForks: counts.failed,
    coldStarts: counts.cold,
    modules: loaded?.modules ?? null,
    loadMillis: loaded === null ? null : Math.round(loaded.ms),
    restarts: worker?.restarts ?? 0,
    failures: worker?.failures ?? 0,
    nextRetryAt: worker?.nextRetryAt ?? null,
    lastExit: worker?.lastExit ?? null,
    rss: worker?.rss ?? null,
    ...(worker?.pss === undefined ? {} : { pss: worker.pss }),
    cpuSeconds: worker?.cpuSeconds ?? null,
    message: messageOf(instance, worker),
  }
}

function messageOf({ loaded, lastError }: ForkserverInstance, worker: WorkerReport | undefined): string {
  if (loaded?.cold != null) return `workers are started without it: ${loaded.cold}`
  const trouble = loaded === null && worker?.state !== 'stopped' ? firstLine(lastError ?? '') : ''
  return [worker?.message ?? '', trouble].filter((part) => part !== '').join(': ')
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function reportOther(interpreter: Interpreter, instance: ForkserverInstance): OtherForkserverReport {
  const { generation, process, loaded } = instance
  return {
    pid: process?.pid ?? null,
    generation,
    ready: loaded !== null,
    workers: interpreter.forkservers.workersOf(instance),
  }
}
