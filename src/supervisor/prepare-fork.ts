// All that comes before a worker is forked: its lane, and the order to its forkserver.
import type { ServiceSpec } from '../config/effective.ts'
import { type ForkOrder, formatForkCommand } from '../wire/fork-messages.ts'
import { proxyOrderOf } from '../wire/proxy-messages.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { EngineHost } from './engine-host.ts'
import { accountEnvironment, forkUserOf } from './exec-settings.ts'
import type { Lane } from './lane.ts'
import { type Listeners, starterKey } from './listeners.ts'
import { type LaunchRequest, workerEnvironment } from './prepare-spawn.ts'
import type { WorkerLanes } from './worker-lanes.ts'

/** Followed by `settle`, once it is known whether there is a process. */
export interface PreparedFork {
  readonly request: LaunchRequest
  readonly spec: ServiceSpec
  readonly lane: Lane
  readonly id: string
  readonly token: string
  /** What it is called among the workers of a proxy. */
  readonly proxyName: string
  /** A line for the forkserver. */
  readonly order: string
  settle(isRunning: boolean): void
}

export interface ForkPreparationContext {
  readonly host: EngineHost
  readonly listeners: Listeners
  readonly idPrefix: string
  readonly outerId: string | null
  readonly lanes: WorkerLanes
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
}

export class ForkPreparation {
  private readonly context: ForkPreparationContext
  private orders = 0

  constructor(context: ForkPreparationContext) {
    this.context = context
  }

  /** @param fds of the forkserver, by the names of sockets. @throws Error; nothing is left open then */
  prepare(request: LaunchRequest, fds: ReadonlyMap<string, number>): PreparedFork {
    const { context } = this
    const { service, slot, number, generation } = request
    const spec = service.state.specs[generation]
    if (spec === undefined) throw new Error(`generation ${generation} is not known any more`)
    const own = `${context.idPrefix}.${spec.name}.${slot}.${number}`
    const id = context.outerId === null ? own : `${context.outerId}/${own}`
    const onNotify = (chunk: Buffer): void => context.onNotify(request, chunk)
    const { lane, opened: places } = context.lanes.take(request, spec, (one) => one.openByPath(spec, onNotify))
    // What the new process says waits until it is known whose word it is.
    lane.hold()
    const settle = (isRunning: boolean): void => {
      context.lanes.giveBack(lane)
      lane.letGo()
      if (!isRunning) lane.endOfProcess()
    }
    try {
      const token = String(++this.orders)
      const start: ForkOrder = {
        id: `${spec.name}/${slot}`,
        token,
        entry: spec.entry,
        env: this.environmentOf(request, spec, lane, id, fds),
        cwd: spec.cwd,
        stdin: spec.stdin === null || spec.stdin === 'commands' ? null : spec.stdin,
        ...places,
        user: hasUserOf(spec) ? null : forkUserOf(spec),
        umask: spec.umask,
        nice: spec.nice,
        limits: spec.limits,
        session: spec.session,
        sockets: Object.fromEntries(socketsOf(spec).map((name) => [name, fdOf(fds, name)])),
      }
      const proxyName = `${start.id}.${number}`
      // One that is not ours may be a proxy of ControlFreak.
      const asProxy =
        spec.forkserver?.command == null
          ? {}
          : proxyOrderOf(proxyName, { ...start, env: asOfControlFreak(start.env, proxyName) })
      return { request, spec, lane, id, token, proxyName, order: formatForkCommand({ start, ...asProxy }), settle }
    } catch (error) {
      settle(false)
      throw error
    }
  }

  private environmentOf(
    request: LaunchRequest,
    spec: ServiceSpec,
    lane: Lane,
    id: string,
    fds: ReadonlyMap<string, number>,
  ): Record<string, string> {
    const { listeners, host } = this.context
    // A forkserver of ours moves them to 3, 4, … as a spawned worker has them; of another one nobody knows.
    const isOurs = spec.forkserver?.command === null
    const sockets = spec.sockets.map((name, index) => {
      const { address, spec: socket } = listeners.get(name)
      const fd = isOurs ? 3 + index : fdOf(fds, name)
      return { name, fd, starterKey: starterKey(address), backlog: socket.backlog }
    })
    const layout = { sockets, notifyFd: null, commandFd: null, channelFd: null }
    const ours = workerEnvironment(request, spec, lane, id, layout, host.workers)
    // After its sockets and the two FIFOs, as a spawned process has them.
    if ((host.workers?.inherited?.() ?? []).length > 0) ours[VARIABLES.lifelineFd] = String(3 + fds.size + 2)
    return { ...accountEnvironment(spec), ...spec.env, ...ours }
  }
}

function asOfControlFreak(env: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return { ...env, CONTROL_FREAK_ENABLED: '1', CONTROL_FREAK_SERVICE: name }
}

/** The forkserver has become that user already, and may not be allowed to set even its own groups. */
function hasUserOf({ user, group, forkserver }: ServiceSpec): boolean {
  return forkserver !== null && user === forkserver.user && group === forkserver.group
}

/** All that it uses, stdin too. */
export function socketsOf({ sockets, stdin }: ServiceSpec): readonly string[] {
  if (stdin === null || stdin === 'commands' || sockets.includes(stdin.socket)) return sockets
  return [...sockets, stdin.socket]
}

function fdOf(fds: ReadonlyMap<string, number>, name: string): number {
  const fd = fds.get(name)
  if (fd === undefined) throw new Error(`its forkserver does not have the socket "${name}" (bug)`)
  return fd
}
