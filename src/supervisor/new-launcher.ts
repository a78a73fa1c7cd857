import type { ServiceSpec } from '../config/effective.ts'
import type { ChildReaper, WaitStatus } from '../os/reap.ts'
import { BaseEnvironment } from './base-environment.ts'
import { ownsChildren } from './engine-host.ts'
import type { EngineParts } from './engine-parts.ts'
import { FewWords } from './few-words.ts'
import { ForkLauncher, type ForkLauncherContext } from './fork-launcher.ts'
import type { ForkserverInstance } from './forkserver-instance.ts'
import { Forkservers, type ForkserversContext } from './forkservers.ts'
import { InProcessLauncher } from './in-process-launcher.ts'
import type { Lane } from './lane.ts'
import { LostForks } from './lost-forks.ts'
import { ForkPreparation } from './prepare-fork.ts'
import { type LaunchRequest, SpawnPreparation } from './prepare-spawn.ts'
import { inheritedEnvironment } from './process-environment.ts'
import { ProcessLauncher } from './process-launcher.ts'
import { ProcessRegistration } from './process-registration.ts'
import { ProxyWorkers } from './proxy-workers.ts'
import { Reforks, type ReforksContext } from './reforks.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { SupervisedClock } from './supervised-clock.ts'
import { WorkerLanes } from './worker-lanes.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

export interface LaunchersContext
  extends EngineParts,
    Pick<ForkserversContext, 'services' | 'add' | 'remove' | 'runtimeOf' | 'dispatch'>,
    Pick<ForkLauncherContext, 'onFailed' | 'note' | 'noteForkserver' | 'onReady' | 'kill' | 'onExit'>,
    Pick<ReforksContext, 'heartbeats' | 'replace'> {
  readonly clock: SupervisedClock
  readonly reaper: ChildReaper
  readonly knownPids: () => Iterable<number>
  readonly isKnown: (pid: number) => boolean
  readonly onSpawned: (process: RunningProcess) => void
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onIpcReady: (request: LaunchRequest) => void
  /** For workers that the reaper does not know. */
  readonly onEnded: (process: RunningProcess, status: WaitStatus) => void
}

/** Everything that starts workers. */
export interface Launchers extends WorkerLauncher {
  readonly forkservers: Forkservers
  readonly forks: ForkLauncher
  readonly reforks: Reforks
  /** @param reason `exited with code 1` */
  died(process: RunningProcess, reason: string): void
  /** After any change. */
  review(): void
}

/** Processes, spawned or forked, unless the host's workers are none. */
export function newLaunchers(parts: LaunchersContext): Launchers {
  const { host } = parts
  const { workers } = host
  const complaints = new WeakMap<ForkserverInstance, FewWords>()
  const inherited = inheritedEnvironment(host.environment)
  const context = {
    ...parts,
    outerId: host.environment.HOLDFAST_ID ?? null,
    environment: new BaseEnvironment(inherited),
    ownsProcess: host.ownsProcess,
    onTrouble: (request: LaunchRequest, problem: string) => parts.note(request, 'trouble', problem),
    // Any program can say so without end.
    noteForkserver: (instance: ForkserverInstance, event: string, reason: string): void => {
      const words = complaints.get(instance) ?? new FewWords()
      complaints.set(instance, words)
      const text = event === 'trouble' ? words.next(reason) : reason
      if (text !== null) parts.noteForkserver(instance, event, text)
    },
  }
  // A server made with the library has nobody who could take its workers over.
  const lanes = new WorkerLanes({ ...context, endsForkservers: workers !== undefined })
  const registration = new ProcessRegistration(context)
  const proxyLog = (name: string): ((chunk: Buffer) => void) | null => {
    const { proxy } = forkservers.named(name) ?? {}
    if (proxy == null) return null
    return (chunk) => {
      const lane = forkservers.named(name)?.process?.lane
      if (lane !== undefined) proxy.wrote(chunk, lane as Lane)
    }
  }
  const preparation = new SpawnPreparation({ ...context, lanes, proxyLog })
  const spawning = workers?.inProcess
    ? new InProcessLauncher({ ...context, runner: workers.inProcess, workers, inherited })
    : new ProcessLauncher({ ...context, preparation, registration })
  const session: ServiceSpec['session'] = workers === undefined ? true : 'group'
  const newProxy = (name: string): ProxyWorkers =>
    new ProxyWorkers({
      onReady: parts.onReady,
      onExit: parts.onExit,
      onTrouble: (reason) => {
        const instance = forkservers.named(name)
        if (instance !== undefined) context.noteForkserver(instance, 'trouble', reason)
      },
    })
  const forkservers: Forkservers = new Forkservers({ ...context, session, newProxy })
  const lost = new LostForks(parts.isKnown)
  const reforks = new Reforks({ ...context, forkservers, lanes, registration, lost })
  const forks = new ForkLauncher({
    ...context,
    forkservers,
    registration,
    lost,
    adoptsOrphans: ownsChildren(host),
    preparation: new ForkPreparation({ ...context, lanes }),
    cold: spawning,
    onReady: (process) => {
      parts.onReady(process)
      const instance = forkservers.named(process.service)
      if (instance !== undefined) reforks.loaded(instance)
    },
  })
  return {
    forkservers,
    forks,
    reforks,
    died(process, reason): void {
      forks.died(process, reason)
      reforks.died(process)
    },
    review(): void {
      forkservers.review()
      reforks.review()
    },
    request(request): void {
      if (isForked(request)) forks.request(request)
      else if (!reforks.launch(request)) spawning.request(request)
    },
    cancel: (service: ServiceRuntime, slot, number) =>
      forks.cancel(service, slot, number) || reforks.cancel(service, number) || spawning.cancel(service, slot, number),
    bulk: (act) => spawning.bulk(act),
    whenSettled: (act) => spawning.whenSettled(act),
    close(): void {
      spawning.close()
      lost.close()
      reforks.close()
      forks.close()
    },
  }
}

function isForked({ service, generation }: LaunchRequest): boolean {
  return service.state.specs[generation]?.forkserver != null
}
