// Who wants to know that services have changed is told once per burst of events.

export class ChangeNews {
  private readonly changed = new Set<string>()
  private readonly listeners = new Set<(service: string) => void>()
  private readonly guarded: (service: string, act: () => void) => void

  /** @param guarded calls `act`, and keeps what it throws to itself */
  constructor(guarded: (service: string, act: () => void) => void) {
    this.guarded = guarded
  }

  /** @returns the unsubscription */
  listen(listener: (service: string) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  note(service: string): void {
    this.changed.add(service)
  }

  /** @param first before anybody is told, if there is something to tell */
  announce(first: () => void): void {
    if (this.changed.size > 0) first()
    for (const name of this.changed) {
      this.changed.delete(name) // it may change again meanwhile, and comes once more then
      for (const listener of [...this.listeners]) this.guarded(name, () => listener(name))
    }
  }
}
