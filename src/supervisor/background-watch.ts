// A program that puts itself into the background looks like one that ends at once, with code 0: it is started again and
// again, and each time leaves a daemon that nobody supervises. Nothing is wrong with its exit; so somebody has to say it.
import type { ProcessExit } from '../lifecycle/process-state.ts'
import { describe, isAlive } from '../os/process-identity.ts'
import type { Journal } from './journal.ts'
import { type RunningProcess, type ServiceRuntime, slotRuntime } from './service-runtime.ts'
import type { StraySweeper } from './stray-sweeper.ts'

/** One that lives longer has done something in the foreground. */
const AT_ONCE = 10_000
/** Then what forks once more on its way is done with it, and many that end together are looked after in one walk. */
const LOOK_AFTER = 250
const LONGEST_COMMAND = 60

export class BackgroundWatch {
  private readonly strays: StraySweeper
  private readonly journal: Journal
  private readonly idPrefix: string
  private readonly ended = new Map<string, { readonly service: ServiceRuntime; readonly process: RunningProcess }>()

  constructor(context: { strays: StraySweeper; journal: Journal; idPrefix: string }) {
    this.strays = context.strays
    this.journal = context.journal
    this.idPrefix = context.idPrefix
  }

  /** A process is gone, and `exit` is how it ended. */
  processEnded(service: ServiceRuntime, process: RunningProcess, exit: ProcessExit | null): void {
    if (exit === null || exit.code !== 0 || exit.asked !== null || exit.announced) return
    if (exit.at - process.startedAt > AT_ONCE) return
    if (this.ended.size === 0) setTimeout(() => this.strays.whenSettled(() => this.look()), LOOK_AFTER).unref()
    this.ended.set(`${this.idPrefix}.${process.service}.${process.slot}.`, { service, process })
  }

  private look(): void {
    const ended = [...this.ended]
    this.ended.clear()
    if (this.strays.isClosed) return
    const strays = this.strays.find(`${this.idPrefix}.`)
    for (const [prefix, { service, process }] of ended) {
      const daemons = strays.filter((stray) => stray.origin?.startsWith(prefix) && isAlive(stray))
      const runtime = slotRuntime(service, process.slot)
      const known = new Set(runtime.daemons.map(({ pid }) => pid))
      runtime.daemons = daemons
      const [fresh] = daemons.filter(({ pid }) => !known.has(pid))
      if (fresh !== undefined) this.tell(process, fresh.pid)
    }
  }

  private tell({ service, slot, generation, identity }: RunningProcess, daemon: number): void {
    const command = describe(daemon)?.command.slice(0, LONGEST_COMMAND) ?? ''
    const reason =
      `it has put itself into the background: it ended with code 0 and left pid ${daemon} (${command}) running. ` +
      `Run it in the foreground, as with nginx -g 'daemon off;'; holdfast stop ${service} ends what is left`
    const worker = `${service}/${slot}`
    this.journal.write({ kind: 'worker', service, worker, pid: identity.pid, generation, event: 'background', reason })
  }
}
