// Opens a server: in a process of its own, with control socket and log, or as a guest in somebody's program.
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'
import { openEngine } from '../supervisor/open-engine.ts'
import { callHook, type HookWatch } from './hook-failure.ts'
import { LiveServer, type ServerBody } from './live-server.ts'
import { openSupervisor } from './running-supervisor.ts'
import type { ServerOptions } from './server-options.ts'
import { type Handover, ServerSockets } from './server-sockets.ts'
import { evaluateOptions } from './server-spec.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface OpenServerOptions {
  readonly program: string
  readonly environment: Environment
  readonly onEvent?: (entry: JournalEntry) => void
  /** Sockets and directories are there, no worker yet. */
  readonly onOpen?: (server: LiveServer<never>) => void
  /** Each time that its log was opened. */
  readonly onLogOpen?: (fd: number) => void
  /** Of those before it is up. */
  readonly onHook?: HookWatch
  /** Below a supervisor. */
  readonly handover?: Handover
}

/**
 * The process is the server's. @throws HoldfastError for what is wrong with the options, for what can not be had, and for what the
 * program's own functions throw. Nothing is left then.
 */
export async function openServerProcess<Config>(
  options: ServerOptions<Config>,
  { program, environment, onEvent, onOpen, onLogOpen, onHook, handover }: OpenServerOptions,
): Promise<LiveServer<Config>> {
  const toStderr = (text: string): void => void process.stderr.write(`${text}\n`)
  let log = toStderr
  const server = await newServer(options, { program, environment, onHook }, (text) => log(text))
  const uid = process.getuid?.() ?? 0
  const sockets = new ServerSockets(server, handover ?? null)
  const running = await openSupervisor(server.spec, {
    environment,
    uid,
    clean: true,
    pointers: false,
    ownLog: serverLogPath(server.spec),
    ...(onLogOpen === undefined ? {} : { onLogOpen }),
    workers: server.workerHost,
    readConfig: () => server.readConfig(),
    apply: (engine, ...args) => server.apply(engine, ...args),
    onOperate: (request) => server.tellOperation(request),
    onStop: (immediate) => server.tellStop(!immediate),
    sideDoor: sockets,
    async onOpen(engine, listeners) {
      server.attach(
        guestBody(engine, () => {}),
        false,
      )
      await sockets.open(listeners)
      await callHook('beforeRun', { when: 'start', startTimeout: options.startTimeout, onHook }, () =>
        options.server?.beforeRun?.(server),
      )
      onOpen?.(server as LiveServer<never>)
    },
    onEvent(entry) {
      server.take(entry)
      onEvent?.(entry)
    },
  })
  log = (text) => running.log(text)
  // Its own log is closed by then, and `afterRun` is still to come.
  void running.ended.then(() => {
    log = toStderr
  })
  server.attach({ ...running, stop: (how) => running.stop(how) })
  void server.settled().then(({ ok }) => {
    if (!ok) return
    sockets.everybodyIsReady()
    server.hooks.call('afterStart', server)
  })
  return server
}

/** As openServerProcess, but nothing that belongs to the whole process is touched: no signals, no subreaper, no log file of its own. */
export async function openGuestServer<Config>(
  options: ServerOptions<Config>,
  { program, environment, onEvent }: OpenServerOptions,
): Promise<LiveServer<Config>> {
  const server = await newServer(options, { program, environment }, (text) => void process.stderr.write(`${text}\n`))
  const sockets = new ServerSockets(server, null)
  const opening = openEngine(server.spec, {
    ownsProcess: false,
    environment,
    clean: true,
    workers: server.workerHost,
    isRuntimeWhole: () => sockets.isInPlace(),
    restoreRuntime: () => sockets.reopen(),
    async beforeStart(opened, listeners) {
      server.attach(guestBody(opened, () => sockets.close()))
      await sockets.open(listeners)
      await callHook('beforeRun', { when: 'start', startTimeout: options.startTimeout }, () =>
        options.server?.beforeRun?.(server),
      )
    },
    onDown: () => void server.stop(),
    onEvent(entry) {
      server.take(entry)
      onEvent?.(entry)
    },
  })
  const engine = await opening.catch((error: unknown) => {
    sockets.close()
    throw error
  })
  void engine.settled().then(({ ok }) => ok && server.hooks.call('afterStart', server))
  void server.ended.then(() => {
    server.closeLifeline()
    void server.hooks.afterRun()
  })
  return server
}

/** What happens to the server and its workers. What the workers say is in `<logDir>/<name>.log`. */
export function serverLogPath({ logDir, name }: SupervisorSpec): string {
  return join(logDir, `${name}.server.log`)
}

async function newServer<Config>(
  options: ServerOptions<Config>,
  {
    program,
    environment,
    onHook,
  }: { readonly program: string; readonly environment: Environment; readonly onHook?: HookWatch | undefined },
  log: (text: string) => void,
): Promise<LiveServer<Config>> {
  const first = await evaluateOptions(options, program, environment, { onHook })
  await callHook('initialize', { when: 'start', startTimeout: options.startTimeout, onHook }, () =>
    options.server?.initialize?.(first.config),
  )
  return new LiveServer(options, program, environment, first, log)
}

function guestBody(engine: ServerBody['engine'], onEnd: () => void): ServerBody {
  let finish = (_code: number): void => {}
  const ended = new Promise<number>((resolve) => {
    finish = resolve
  })
  return {
    engine,
    ownLog: null,
    ended,
    reopenLogs: () => engine.reopenLogs(),
    async stop(how) {
      const { ok } = await engine.down(how)
      onEnd()
      finish(ok ? 0 : 1)
    },
  }
}
