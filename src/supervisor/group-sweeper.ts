// Watches process groups whose leader is dead until nothing of them is left. The kernel tells nobody that a group has
// become empty, so it is looked at: at every death that is reaped, and a few times a second while one is watched.
import { groupExists } from '../os/send-signal.ts'

const LOOK_EVERY = 25

export class GroupSweeper {
  private readonly groups = new Map<number, () => void>()
  private timer: NodeJS.Timeout | null = null

  /** Calls back once, when no process of the group is left. */
  watch(group: number, onEmpty: () => void): void {
    this.groups.set(group, onEmpty)
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY)
  }

  look(): void {
    for (const [group, onEmpty] of this.groups) {
      if (groupExists(group)) continue
      this.groups.delete(group)
      onEmpty()
    }
    if (this.groups.size === 0) this.close()
  }

  forget(group: number): void {
    this.groups.delete(group)
    if (this.groups.size === 0) this.close()
  }

  close(): void {
    this.groups.clear()
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
  }
}
