import type { StatusReport } from '../supervisor/status-report.ts'

/** Names of services without a ready worker, and of forkservers that have not loaded, as they are addressed. */
export function notReadyIn({ services, forkservers }: StatusReport): string[] {
  return [
    ...services.filter(({ workers }) => !workers.some(({ ready }) => ready)).map(({ name }) => name),
    ...forkservers.filter(({ ready }) => !ready).map(({ name }) => `forkserver:${name}`),
  ]
}
