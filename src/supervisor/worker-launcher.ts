import type { LaunchRequest } from './prepare-spawn.ts'
import type { ServiceRuntime } from './service-runtime.ts'

/** Carries out `spawn`: makes processes, or what stands for them. */
export interface WorkerLauncher {
  request(request: LaunchRequest): void
  /** @returns false where it is too late: it is there, or could not be started, and the news of it is on its way */
  cancel(service: ServiceRuntime, slot: number, number: number): boolean
  /** What `act` asks for may be launched together. */
  bulk(act: () => void): void
  /** Now, or when every process of ours is known. */
  whenSettled(act: () => void): void
  close(): void
}
