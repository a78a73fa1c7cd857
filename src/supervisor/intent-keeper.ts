// Writes the intent down as services change, and says once where it can not.
import type { ServiceState } from '../rollout/service-state.ts'
import { IntentFile } from './intent.ts'

export class IntentKeeper {
  private readonly file: IntentFile
  private readonly path: string
  private readonly isWanted: () => boolean
  private readonly onTrouble: (reason: string) => void
  private turn: NodeJS.Immediate | null = null
  private trouble = ''

  /** @param isWanted false: everything goes down, and what is wanted ends with it */
  constructor(path: string, isWanted: () => boolean, onTrouble: (reason: string) => void) {
    this.file = new IntentFile(path)
    this.path = path
    this.isWanted = isWanted
    this.onTrouble = onTrouble
  }

  /** Written once a turn: a start of 1,000 services changes 2,000 times. @param state null: the service is gone */
  note(service: string, state: ServiceState | null): void {
    this.file.note(service, state)
    this.turn ??= setImmediate(() => {
      this.turn = null
      this.save()
    })
  }

  /** The file was removed. */
  writeAgain(): void {
    this.file.forget()
    this.save()
  }

  private save(): void {
    if (!this.isWanted()) return
    try {
      this.file.save()
      this.trouble = ''
    } catch (error) {
      const reason = `${this.path} can not be written: ${String(error)}`
      // It is tried again at every change; once is enough to say so.
      if (reason !== this.trouble) this.onTrouble(reason)
      this.trouble = reason
    }
  }
}
