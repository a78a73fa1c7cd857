import type { ServiceReport, WorkerReport } from '../../src/supervisor/status-report.ts'

export function worker(id: string, changes: Partial<WorkerReport> = {}): WorkerReport {
  return {
    id,
    slot: Number(id.split('/')[1]),
    state: 'running',
    ready: true,
    role: 'main',
    pid: 77,
    startTime: 1,
    generation: 1,
    since: '2026-01-01T00:59:00.000Z',
    startedAt: '2026-01-01T00:56:40.000Z',
    restarts: 0,
    failures: 0,
    nextRetryAt: null,
    other: null,
    lastExit: null,
    heartbeatAge: null,
    requests: null,
    busy: null,
    rss: 12_900_000,
    cpuSeconds: 4.21,
    adopted: false,
    message: '',
    ...changes,
  }
}

export function service(name: string, workers: WorkerReport[], changes: Partial<ServiceReport> = {}): ServiceReport {
  return {
    name,
    description: '',
    tags: [],
    state: 'running',
    desired: workers.length,
    ready: workers.filter(({ ready }) => ready).length,
    generation: 1,
    target: 1,
    rollout: { state: 'stable', reason: '' },
    workers,
    ...changes,
  }
}
