// What the operator wants beyond the config: stopped services and slots, scales. Kept in the runtime directory, so that it
// survives `apply` and the supervisor's death, but not `down`.
import { unlinkSync } from 'node:fs'
import { writeFileAtomically } from '../os/atomic-file.ts'
import type { ServiceState } from '../rollout/service-state.ts'

interface ServiceIntent {
  readonly wanted: 'up' | 'down'
  readonly stoppedSlots: readonly number[]
  readonly desired: number
}

/** The file of it. Written when something of it changed, not for each of a thousand starts. */
export class IntentFile {
  private readonly path: string
  private readonly kept = new Map<string, ServiceIntent>()
  private written = ''

  constructor(path: string) {
    this.path = path
  }

  /** A service changed; null: it is gone. Only what differs from what the config alone would give is kept. */
  note(name: string, state: ServiceState | null): void {
    const intent = state === null ? null : intentOf(state)
    if (intent === null) this.kept.delete(name)
    else this.kept.set(name, intent)
  }

  /** The file was removed: the next `save` writes it again. */
  forget(): void {
    this.written = ''
  }

  /** @throws OsError; the next call tries again */
  save(): void {
    if (this.kept.size === 0 && this.written === '') return
    const services = Object.fromEntries([...this.kept].sort(([a], [b]) => (a < b ? -1 : 1)))
    const text = `${JSON.stringify({ version: 1, services })}\n`
    if (text === this.written) return
    writeFileAtomically(this.path, text, 0o600)
    this.written = text
  }
}

function intentOf({ wanted, stoppedSlots, desired, specs, generation }: ServiceState): ServiceIntent | null {
  const spec = specs[generation]
  const asConfigured = spec !== undefined && desired === spec.instances && (wanted === 'up') === spec.autostart
  return asConfigured && stoppedSlots.length === 0 ? null : { wanted, stoppedSlots, desired }
}

export function removeIntent(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
