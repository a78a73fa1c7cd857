// Workers of type `embedded`: code in the server's own event loop, by the rules of a process as far as that goes.
import type {
  InProcessEars,
  InProcessOrder,
  InProcessRunner,
  InProcessWorker,
} from '../supervisor/in-process-worker.ts'
import type { CommandMessage } from '../wire/command-messages.ts'
import { createWorker } from '../worker/create-worker.ts'
import type { EndableWorker } from '../worker/endable-worker.ts'
import { EmbeddedLink } from './embedded-link.ts'
import type { WorkerTier } from './tier.ts'
import type { WorkerDefinition } from './worker-definition.ts'
import { runWorker } from './worker-program.ts'

export interface EmbeddedProgram {
  readonly definition: WorkerDefinition<never>
  tier(): WorkerTier
}

const NOT_KILLED =
  'what runs in the event loop of the server can not be killed: its connections are closed and it is waited for no longer, but ' +
  'its `run` has not returned, and what it still does goes on until the server ends'

export class EmbeddedRunner implements InProcessRunner {
  readonly most = 1
  private readonly program: EmbeddedProgram

  constructor(program: EmbeddedProgram) {
    this.program = program
  }

  start(order: InProcessOrder, ears: InProcessEars): InProcessWorker {
    return new EmbeddedWorker(this.program, order, ears)
  }
}

class EmbeddedWorker implements InProcessWorker {
  private readonly ears: InProcessEars
  private readonly link: EmbeddedLink
  private readonly worker: EndableWorker
  private killed = false
  private over = false
  private returned = false

  constructor(program: EmbeddedProgram, order: InProcessOrder, ears: InProcessEars) {
    this.ears = ears
    this.link = new EmbeddedLink(order, ears, (code) => this.end(code))
    this.worker = createWorker(order.environment, this.link)
    // In a turn of its own: the engine is in the middle of something.
    setImmediate(() => void this.run(program))
  }

  tell(message: CommandMessage): void {
    this.link.tell(message)
  }

  signal(name: string): void {
    if (name !== 'KILL') return this.link.signal(name)
    if (this.over) return
    this.killed = true
    // `ctx.signal` first, so that a `run` that looks at it ends all the same.
    void this.worker.stop('killed')
    this.worker.leave()
  }

  private async run({ definition, tier }: EmbeddedProgram): Promise<void> {
    try {
      if (this.over) return
      const ran = (): void => {
        this.returned = true
      }
      const exit = (code: number): void => {
        ran()
        this.worker.leave(code)
      }
      await runWorker(definition, tier(), this.worker, { body: { exit, ran } })
    } catch (error) {
      this.returned = true
      this.worker.logger.error(error)
      this.worker.leave(1)
    }
  }

  private end(code: number): void {
    if (this.over) return
    this.over = true
    if (!this.returned) this.ears.note(NOT_KILLED)
    // As a process: whoever is told has it behind him.
    setImmediate(() => this.ears.ended(this.killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null }))
  }
}
