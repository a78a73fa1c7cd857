// Where things lie in the runtime directory.
import { join } from 'node:path'

/** A slot has two lanes, so that its current process and the other one never share a FIFO, a record or a heartbeat. */
export type LaneIndex = 0 | 1
const LANE_NAMES = ['a', 'b'] as const

export class RuntimePaths {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  get lock(): string {
    return join(this.root, 'lock')
  }

  get records(): string {
    return join(this.root, 'workers')
  }

  get intent(): string {
    return join(this.root, 'intent.json')
  }

  get services(): string {
    return join(this.root, 'svc')
  }

  /** What the service's processes open by path: owned by the service's user, mode 0700. */
  service(name: string): string {
    return join(this.services, name)
  }

  heartbeat(name: string): string {
    return join(this.service(name), 'heartbeat')
  }

  record(name: string, slot: number, lane: LaneIndex): string {
    return join(this.records, `${name}.${slot}.${LANE_NAMES[lane]}.json`)
  }

  fifo(name: string, slot: number, lane: LaneIndex, end: 'out' | 'err' | 'notify' | 'command'): string {
    return join(this.service(name), `${slot}.${LANE_NAMES[lane]}.${end}`)
  }
}

/** The event journal, in the state directory: also read when no supervisor runs. */
export function journalPath(stateDir: string): string {
  return join(stateDir, 'journal.jsonl')
}
