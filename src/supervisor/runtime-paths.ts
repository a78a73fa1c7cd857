// Where things lie in the runtime directory.
import { join } from 'node:path'

/** A slot has two lanes, so that its current process and the other one never share a FIFO, a record or a heartbeat. */
export type LaneIndex = 0 | 1
/** `log`: what a forkserver of another kind writes of its workers. */
export type FifoEnd = 'out' | 'err' | 'notify' | 'command' | 'log'
const LANE_NAMES = ['a', 'b'] as const

/** Put together by hand: path.join() takes 1 us, and a start asks for twenty paths. */
export class RuntimePaths {
  readonly root: string
  readonly lock: string
  readonly records: string
  readonly intent: string
  readonly services: string

  constructor(root: string) {
    this.root = root
    this.lock = join(root, 'lock')
    this.records = join(root, 'workers')
    this.intent = join(root, 'intent.json')
    this.services = join(root, 'svc')
  }

  /** What the service's processes open by path: owned by the service's user, mode 0700. */
  service(name: string): string {
    return `${this.services}/${name}`
  }

  heartbeat(name: string): string {
    return `${this.services}/${name}/heartbeat`
  }

  record(name: string, slot: number, lane: LaneIndex): string {
    return `${this.records}/${name}.${slot}.${LANE_NAMES[lane]}.json`
  }

  fifo(name: string, slot: number, lane: LaneIndex, end: FifoEnd): string {
    return `${this.services}/${name}/${slot}.${LANE_NAMES[lane]}.${end}`
  }
}

/** The event journal, in the state directory: also read when no supervisor runs. */
export function journalPath(stateDir: string): string {
  return join(stateDir, 'journal.jsonl')
}
