// The queue of `src/locks/waiting-script.ts` on paper: what each contender does between two moments in which another one, or a
// SIGKILL, may come. As flock(2) is not fair, whoever asks for a lock that is free may get it, however long others have waited.

export type Kind = 'waits' | 'asks' | 'is of an older version'
type OlderKind = Extract<Kind, 'is of an older version'>
/** Goes on, up to the next `yield`, when this is true. */
type Life = Generator<() => boolean, void, void>

/** Free, or whose it is. */
class Lock {
  holder: Contender | null = null
  readonly isFree = (): boolean => this.holder === null
  readonly free = (by: Contender): void => {
    if (this.holder === by) this.holder = null
  }
}

export class Contender {
  readonly number: number
  readonly kind: Kind
  readonly bornAt: number
  ticket: number | null = null
  /** Its ticket is drawn: from here on it is before all who come later. */
  queuedAt: number | null = null
  isMain = false
  isDead = false
  /** Nothing is left for it to do: as a main, it works. */
  isDone = false
  next: () => boolean = always
  life: Life

  constructor(number: number, kind: Kind, bornAt: number, live: (me: Contender) => Life) {
    this.number = number
    this.kind = kind
    this.bornAt = bornAt
    this.life = live(this)
  }

  get waits(): boolean {
    return !this.isMain && !this.isDead
  }
}

const always = (): boolean => true

export class QueueModel {
  readonly contenders: Contender[] = []
  /** What must never be. */
  readonly wrongs: string[] = []
  readonly tickets = new Map<number, Lock>()
  private readonly queue = new Lock()
  private readonly gate = new Lock()
  private readonly slots: Lock[]
  private readonly options: { readonly mains: number; readonly hasTickets?: boolean }
  private counter = 0
  private clock = 0

  constructor(options: QueueModel['options']) {
    this.options = options
    this.slots = Array.from({ length: options.mains }, () => new Lock())
  }

  come(kind: Kind): void {
    const live = (me: Contender): Life => {
      if (kind === 'is of an older version' || this.options.hasTickets === false) return this.older(me)
      return kind === 'waits' ? this.waits(me) : this.asks(me)
    }
    this.contenders.push(new Contender(this.contenders.length, kind, ++this.clock, live))
  }

  /** Those that can do something now. */
  ready(): Contender[] {
    return this.contenders.filter((one) => !one.isDead && !one.isDone && one.next())
  }

  step(one: Contender): void {
    this.clock++
    const { done, value } = one.life.next()
    one.next = value ?? always
    one.isDone = done === true
    if (one.isDone && !one.isMain) this.kill(one)
    this.check()
  }

  /** The kernel lets go of what it had; what it has written stays. */
  kill(one: Contender): void {
    this.clock++
    one.isDead = true
    for (const lock of [this.queue, this.gate, ...this.slots, ...this.tickets.values()]) lock.free(one)
  }

  mains(): Contender[] {
    return this.contenders.filter(({ isMain, isDead }) => isMain && !isDead)
  }

  /** Draws a ticket, waits until nobody is before it, then for a slot. */
  private *waits(me: Contender): Life {
    yield this.queue.isFree
    this.queue.holder = me
    yield always
    let number = Math.max(this.counter, ...this.tickets.keys()) + 1
    yield always
    this.counter = number
    yield always
    const ticket = new Lock()
    this.tickets.set(number, ticket)
    yield always
    ticket.holder = me
    me.ticket = number
    yield always
    me.queuedAt = this.clock
    this.queue.free(me)
    for (;;) {
      yield always
      const lower = [...this.tickets.keys()].filter((one) => one < number)
      if (lower.length === 0) break
      number = Math.max(...lower)
      yield always
      const before = this.tickets.get(number)
      if (before === undefined) continue
      yield before.isFree
      yield always
      this.tickets.delete(number)
    }
    yield* this.takesItsTurn(me)
    this.tickets.get(me.ticket)?.free(me)
  }

  /** Takes what is free right now, behind nobody. */
  private *asks(me: Contender): Life {
    yield this.queue.isFree
    this.queue.holder = me
    for (const number of this.tickets.keys()) {
      yield always
      const ticket = this.tickets.get(number)
      if (ticket === undefined) continue
      if (!ticket.isFree()) return
      yield always
      this.tickets.delete(number)
    }
    yield always
    if (!this.gate.isFree()) return
    this.gate.holder = me
    yield always
    if (!this.hasFreeSlot()) return
    this.take(me)
    yield always
    this.gate.free(me)
    this.queue.free(me)
  }

  private *older(me: Contender): Life {
    // It does not know of tickets; as the others, it has come when it stands at the gate.
    me.queuedAt = this.clock
    yield* this.takesItsTurn(me)
  }

  /** Waits at the gate, then for a slot; the gate goes with the shell, as its ticket does. */
  private *takesItsTurn(me: Contender): Life {
    yield this.gate.isFree
    this.gate.holder = me
    yield () => this.hasFreeSlot()
    this.take(me)
    yield always
    this.gate.free(me)
  }

  private hasFreeSlot(): boolean {
    return this.slots.some(({ isFree }) => isFree())
  }

  private take(me: Contender): void {
    const slot = this.slots.find(({ isFree }) => isFree())
    if (slot === undefined) throw new Error('no slot is free')
    slot.holder = me
    me.isMain = true
    const older: OlderKind = 'is of an older version'
    if (me.kind === older) return
    for (const other of this.contenders) {
      if (!other.waits || other.kind === older || other.queuedAt === null || other.queuedAt >= me.bornAt) continue
      this.wrongs.push(`${me.number} came after ${other.number}, who waits, and is main`)
    }
  }

  private check(): void {
    for (const one of this.contenders) {
      if (one.waits && one.ticket !== null && this.tickets.get(one.ticket)?.holder !== one)
        this.wrongs.push(`the ticket of ${one.number}, who waits, is gone`)
    }
  }
}
