// One opening of a process's debugger, from the signal until its port is closed again, however long that takes: a port that
// somebody forgot would stay for the life of the process.
import { constants } from 'node:os'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { signalProcess } from '../os/send-signal.ts'
import { bearsSignal, mainThreadState } from '../os/thread-states.ts'
import { DUMP_EXPRESSION, END_AFTER_TURNS, END_NOW, parseProcessDump } from '../wire/dump-expression.ts'
import type { ProcessDump } from '../wire/dump-text.ts'
import { type DebuggerAddress, debuggerAddressIn, InspectorSession } from './inspector-session.ts'

/** Subscribes to the lines that a process writes to stderr. @returns the unsubscription */
export type StderrLines = (listener: (line: string) => void) => () => void

const { SIGUSR1 } = constants.signals
/** How often to look whether a process that does not answer still lives. */
const LOOK_MILLIS = 500
/** The handshake needs a thread of the process that has nothing else to do. */
const OPENING_MILLIS = 2_000
/** The loop of a process that was found waiting turns three times. */
const TURNS_MILLIS = 200
const FIRST_PAUSE_MILLIS = 20
const LONGEST_PAUSE_MILLIS = 10_000
/** A program that is busy may be between two functions at the moment of the question. */
const LOOKS_FOR_A_STACK = 5

const underWay = new Map<string, DebuggerVisit>()

/**
 * The visit that is under way at this process, or a new one. There is one at a time: the debugger is woken once, and the
 * visitor who ends it first would take it from the other. Call it for a process that bears the signal only.
 * @throws OsError when the process may not be signalled
 */
export function visitDebugger(identity: ProcessIdentity, stderrLines: StderrLines): DebuggerVisit {
  const key = `${identity.pid}:${identity.startTime}`
  const visit = underWay.get(key) ?? new DebuggerVisit(identity, stderrLines)
  // Again where one is under way: the first signal was without effect if the program's own debugger was open then.
  visit.wake()
  if (underWay.has(key)) return visit
  underWay.set(key, visit)
  void visit.begin().then(() => underWay.delete(key))
  return visit
}

/** It does not keep this process alive. */
export class DebuggerVisit {
  /** Rejects when the process ends first. It may take for ever: race it with a deadline. */
  readonly dump: Promise<ProcessDump>
  /** The debugger was ended from within, so that it will stay so, or the process is gone. Never rejects. */
  readonly over: Promise<void>
  #answered = false
  readonly #identity: ProcessIdentity
  readonly #stderrLines: StderrLines
  #address: DebuggerAddress | null = null
  #hasAddress: () => void = () => {}
  #hasDump: (dump: ProcessDump) => void = () => {}
  #hasNone: (error: Error) => void = () => {}
  #isOver: () => void = () => {}

  constructor(identity: ProcessIdentity, stderrLines: StderrLines) {
    this.#identity = identity
    this.#stderrLines = stderrLines
    this.dump = new Promise((resolve, reject) => {
      this.#hasDump = resolve
      this.#hasNone = reject
    })
    this.dump.catch(() => {})
    this.over = new Promise((resolve) => {
      this.#isOver = resolve
    })
  }

  /** The dump is there: what comes now is only the end of the visit. */
  get answered(): boolean {
    return this.#answered
  }

  wake(): void {
    // Not while it is awake: a signal that comes at its end would open the port once more.
    if (this.#address === null) signalProcess(this.#identity, SIGUSR1)
  }

  async begin(): Promise<void> {
    const death = watchForDeath(this.#identity)
    const unsubscribe = this.#stderrLines((line) => this.#read(line))
    try {
      await this.#untilEnded(death.died)
    } catch (error) {
      this.#hasNone(errorOf(error))
    } finally {
      unsubscribe()
      death.stopWatching()
      this.#isOver()
    }
  }

  /** Returns only when the end was asked for from within: before that, a signal of ours might still open a port. */
  async #untilEnded(died: Promise<never>): Promise<void> {
    for (let pause = FIRST_PAUSE_MILLIS; ; pause = Math.min(LONGEST_PAUSE_MILLIS, pause * 2)) {
      const address = await Promise.race([this.#nextAddress(), died])
      const session = new InspectorSession(address)
      try {
        await Promise.race([this.#through(session), died])
        return
      } catch (error) {
        if (!isAlive(this.#identity)) throw error
      } finally {
        session.hangUp()
      }
      // Ended in between: an earlier visit had left that to the event loop, which turns only now. Or it is not its debugger.
      if (this.#address === address) this.#address = null
      await Promise.race([rest(pause), died])
      if (bearsSignal(this.#identity.pid, SIGUSR1)) this.wake()
    }
  }

  /** @throws Error when the debugger goes away before its end was asked for */
  async #through(session: InspectorSession): Promise<void> {
    const late = rest(OPENING_MILLIS).then(() => Promise.reject(new Error('the debugger does not answer')))
    await Promise.race([session.opened, late])
    const dump = await this.#ask(session)
    if (dump !== null) this.#hasDump(dump)
    this.#answered = true
    await session.evaluate(END_AFTER_TURNS)
    if (dump?.stack.length === 0) await Promise.race([session.closed, rest(TURNS_MILLIS)])
    session.evaluate(END_NOW).catch(() => {})
    await session.closed
  }

  async #ask(session: InspectorSession): Promise<ProcessDump | null> {
    for (let looks = 1; ; looks++) {
      const dump = parseProcessDump(await session.evaluate(DUMP_EXPRESSION))
      if (dump === null) this.#hasNone(new Error('the process answered with something that is no dump'))
      const isBetween = dump?.stack.length === 0 && mainThreadState(this.#identity.pid) === 'runs'
      if (!isBetween || looks === LOOKS_FOR_A_STACK) return dump
    }
  }

  #read(line: string): void {
    const address = debuggerAddressIn(line)
    if (address === null) return
    this.#address = address
    this.#hasAddress()
  }

  async #nextAddress(): Promise<DebuggerAddress> {
    for (;;) {
      if (this.#address !== null) return this.#address
      await new Promise<void>((resolve) => {
        this.#hasAddress = resolve
      })
    }
  }
}

/** Looks from time to time. */
function watchForDeath(identity: ProcessIdentity): { died: Promise<never>; stopWatching: () => void } {
  let timer: NodeJS.Timeout | undefined
  const died = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (!isAlive(identity)) reject(new Error('the process has ended'))
    }, LOOK_MILLIS).unref()
  })
  died.catch(() => {})
  return { died, stopWatching: () => clearInterval(timer) }
}

function rest(millis: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, millis).unref()
  })
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
