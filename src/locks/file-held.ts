import type { FileIdentity, LockDirectory } from './lock-directory.ts'
import type { Held, LockHolder, LostReason } from './lock-provider.ts'

export class FileHeld implements Held {
  readonly slot: number
  readonly token: string
  readonly deadline = Number.POSITIVE_INFINITY
  private readonly file: FileIdentity
  private readonly parts: { letGo: () => void; strangers: () => Promise<readonly LockHolder[]> }
  private lost: ((why: LostReason) => void) | null = null
  private isOver = false

  constructor(slot: number, token: string, file: FileIdentity, parts: FileHeld['parts']) {
    this.slot = slot
    this.token = token
    this.file = file
    this.parts = parts
  }

  onLost(onLost: (why: LostReason) => void): void {
    this.lost = onLost
  }

  /** Whoever comes now would not meet this lock: to go on as if it were one is two mains. */
  async checkPlace(directory: LockDirectory): Promise<void> {
    const named = await directory.identityOf('slot', this.slot)
    if (this.isOver || (named?.ino === this.file.ino && named.dev === this.file.dev)) return
    this.isOver = true
    this.lost?.('replaced')
  }

  get isReleased(): boolean {
    return this.isOver
  }

  async release(): Promise<void> {
    this.isOver = true
    this.parts.letGo()
  }

  /** By a look at every descriptor of every process: some 30 ms of CPU where there are 100 of them. */
  strangers(): Promise<readonly LockHolder[]> {
    return this.parts.strangers()
  }
}
