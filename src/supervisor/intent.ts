// What the operator wants beyond the config: stopped services and slots, scales. Kept in the runtime directory, so that it
// survives `apply` and the supervisor's death, but not `down`.
import { unlinkSync } from 'node:fs'
import { writeFileAtomically } from '../os/atomic-file.ts'
import type { ServiceState } from '../rollout/service-state.ts'

export interface Intent {
  readonly version: 1
  readonly services: Readonly<
    Record<string, { wanted: 'up' | 'down'; stoppedSlots: readonly number[]; desired: number }>
  >
}

/** Only where it differs from what the config alone would give. */
export function intentOf(services: Iterable<ServiceState>): Intent {
  const kept: Record<string, { wanted: 'up' | 'down'; stoppedSlots: readonly number[]; desired: number }> = {}
  for (const { name, wanted, stoppedSlots, desired, specs, generation } of services) {
    const spec = specs[generation]
    const asConfigured = spec !== undefined && desired === spec.instances && (wanted === 'up') === spec.autostart
    if (!asConfigured || stoppedSlots.length > 0) kept[name] = { wanted, stoppedSlots, desired }
  }
  return { version: 1, services: kept }
}

export function writeIntent(path: string, intent: Intent): void {
  writeFileAtomically(path, `${JSON.stringify(intent)}\n`, 0o600)
}

export function removeIntent(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
