// Signals are a skin over what a running server can do.
import type { OperationOutcome } from '../supervisor/engine-api.ts'
import { dumpServer } from './dump-server.ts'
import type { LiveServer } from './live-server.ts'
import { type OwnSignalMap, type SignalMapName, type SignalStep, signalMap } from './signal-maps.ts'
import { terminalOpens } from './supervisor-signals.ts'

type Say = (text: string) => void

/** Takes the signals from the first moment on; what comes before there is a server is carried out then. */
export class ServerSignals {
  private readonly early: NodeJS.Signals[] = []
  private readonly hadTerminal = terminalOpens()
  private readonly map: ReadonlyMap<NodeJS.Signals, readonly SignalStep[]>
  private running: { readonly server: LiveServer<never>; readonly say: Say } | null = null

  /** @throws HoldfastError for a map that can not be */
  constructor(choice: SignalMapName | OwnSignalMap) {
    this.map = signalMap(choice)
    for (const signal of this.map.keys()) process.on(signal, () => this.on(signal))
    // Node would open its inspector.
    if (!this.map.has('SIGUSR1')) process.on('SIGUSR1', () => {})
  }

  release<Config>(server: LiveServer<Config>, say: Say): void {
    this.running = { server: server as unknown as LiveServer<never>, say }
    process.on('uncaughtException', (error) => server.log(`internal error: ${error.stack ?? error.message}`))
    for (const signal of this.early.splice(0)) this.on(signal)
  }

  private on(signal: NodeJS.Signals): void {
    const { running } = this
    if (running === null) return void this.early.push(signal)
    const { server, say } = running
    if (signal === 'SIGHUP' && this.hadTerminal && !terminalOpens()) {
      say('the terminal is gone: stopping everything')
      return void server.stop()
    }
    void this.carryOut(signal, this.map.get(signal) ?? [], server, say)
  }

  private async carryOut(
    signal: NodeJS.Signals,
    steps: readonly SignalStep[],
    server: LiveServer<never>,
    say: Say,
  ): Promise<void> {
    for (const step of steps) {
      try {
        if (typeof step === 'function') await step(signal)
        else await act(step, signal, server, say)
      } catch (error) {
        say(`${signal}: ${error instanceof Error ? error.message : String(error)}`)
        return
      }
    }
  }
}

type Act = (server: LiveServer<never>, say: Say) => unknown

const ACTS: Readonly<Record<Exclude<SignalStep, (...args: never[]) => unknown>, Act>> = {
  stop: (server) => void server.stop(),
  'stop-now': (server) => void server.stop({ graceful: false }),
  reload: async (server, say) => {
    await server.reload()
    say('reload: done')
  },
  'reopen-logs': (server) => server.reopenLogs(),
  restart: (server) => server.reload().then(() => server.restart({ rolling: false })),
  'restart-now': (server) => server.reload().then(() => server.restart({ rolling: false, graceful: false })),
  'rolling-restart': (server) => server.restart(),
  'live-restart': (server, say) => liveRestart(server, say),
  detach: (server, say) => (server.detach === null ? void server.stop() : carriedOut(server.detach, 'detach', say)),
  'more-workers': (server) => server.scale('+1'),
  'fewer-workers': (server) => server.scale('-1'),
  'stop-workers': (server) => server.engine.operate({ verb: 'stop', targets: [server.name] }),
  dump: async (server, say) => say(`dump written to ${await dumpServer(server)}`),
  ignore: () => {},
}

function act(step: keyof typeof ACTS, signal: string, server: LiveServer<never>, say: Say): unknown {
  if (step !== 'ignore') say(`${signal}: ${step}`)
  return ACTS[step](server, say)
}

async function liveRestart(server: LiveServer<never>, say: Say): Promise<void> {
  if (server.liveRestart === null) return say('a live restart needs a supervisor above the server: supervised: true')
  return carriedOut(server.liveRestart, 'live restart', say)
}

async function carriedOut(act: () => Promise<OperationOutcome>, what: string, say: Say): Promise<void> {
  const { ok, services } = await act()
  if (!ok) say(`the ${what} failed: ${services.map(({ message }) => message).join('; ')}`)
}
