// `status --watch`: drawn again each second, at each event and when the terminal's size changes, until interrupted. On a
// terminal it also waits for a supervisor that is gone; elsewhere that is its end.
import type { ControlRequest } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { eventSentence } from '../server/event-text.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'
import type { StatusReport } from '../supervisor/status-report.ts'
import type { Context } from './context.ts'
import { localTime } from './log-text.ts'
import { queryString } from './request-path.ts'
import { fitToScreen } from './screen.ts'

const INTERVAL = 1000
/** Events come in bursts; one picture for all of them. */
const SETTLE = 100
const EVENTS_SHOWN = 5
const HOME_AND_CLEAR = '\u001b[H\u001b[J'
const MAY_COME_BACK: ReadonlySet<string> = new Set([
  'HF_UNREACHABLE',
  'HF_SOCKET_GONE',
  'HF_CONNECTION_LOST',
  'HF_NO_ANSWER',
])

/** How the supervisor is asked. */
export interface WatchCalls {
  askReport(context: Context): Promise<StatusReport>
  askTable(context: Context): Promise<{ readonly text: string }>
  call(context: Context, request: ControlRequest): Promise<unknown>
}

export async function watchStatus(context: Context, calls: WatchCalls): Promise<number> {
  const watch = new Watch(context, calls)
  process.on('SIGWINCH', watch.wake)
  try {
    for (;;) {
      await watch.whileItAnswers().catch((error: unknown) => watch.drawGone(error))
      await pause(INTERVAL)
    }
  } finally {
    process.off('SIGWINCH', watch.wake)
  }
}

class Watch {
  readonly #context: Context
  readonly #calls: WatchCalls
  readonly #latest: JournalEntry[] = []
  #wake = () => {}
  #seen = false
  #goneSince: string | null = null

  constructor(context: Context, calls: WatchCalls) {
    this.#context = context
    this.#calls = calls
  }

  readonly wake = (): void => this.#wake()

  /** Never resolves. @throws what `status` throws */
  async whileItAnswers(): Promise<void> {
    await this.draw()
    this.#seen = true
    this.#goneSince = null
    const following = new AbortController()
    this.#followEvents(following.signal)
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        await Promise.race([pause(INTERVAL), woken.then(() => pause(SETTLE))])
        await this.draw()
      }
    } finally {
      following.abort()
    }
  }

  async draw(): Promise<void> {
    const { command, out, paint } = this.#context
    if (command.global.json) return out.write(`${JSON.stringify(await this.#calls.askReport(this.#context))}\n`)
    const { text } = await this.#calls.askTable(this.#context)
    this.#show(
      text,
      this.#latest.map((entry) => `${paint('dim', localTime(entry.at))} ${eventSentence(entry, paint)}`),
    )
  }

  /** @throws the error, where nobody sits in front of it; and where there was none to begin with: that is the answer then */
  drawGone(error: unknown): void {
    const { command, out } = this.#context
    const mayComeBack = error instanceof HoldfastError && MAY_COME_BACK.has(error.code)
    if (!this.#seen || !mayComeBack || command.global.json || !out.isTty) throw error
    this.#goneSince ??= new Date().toLocaleTimeString('en-GB')
    this.#show(`${this.#goneSince}  ${error.message}\n\nWaiting for it to come back. Ctrl-C ends this.\n`, [])
  }

  #show(text: string, events: readonly string[]): void {
    const { out, environment } = this.#context
    if (out.isTty && environment.TERM !== 'dumb') out.write(`${HOME_AND_CLEAR}${fitToScreen(text, events, out)}`)
    else out.write(`${[text, ...events].join('\n')}\n`)
  }

  #followEvents(signal: AbortSignal): void {
    const path = `/v1/events${queryString({ follow: true, last: EVENTS_SHOWN, target: this.#context.command.arguments })}`
    this.#latest.length = 0
    const onEvent = (_name: string, entry: unknown) => {
      this.#latest.push(entry as JournalEntry)
      this.#latest.splice(0, this.#latest.length - EVENTS_SHOWN)
      this.#wake()
    }
    // That it ends is what the next picture tells.
    this.#calls.call(this.#context, { method: 'GET', path, onEvent, signal }).catch(() => {})
  }
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis))
}
