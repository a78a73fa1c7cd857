// What `status` answers.
import type { SupervisorSpec } from '../config/effective.ts'
import { pssOf } from '../os/resource-usage.ts'
import type { StatusQuery } from './engine-api.ts'
import type { EngineParts } from './engine-parts.ts'
import { reportForkservers } from './forkserver-status.ts'
import type { Interpreter } from './interpreter.ts'
import type { RunningProcess } from './service-runtime.ts'
import { reportService } from './status.ts'
import type { StatusReport } from './status-report.ts'
import type { ResolvedTarget } from './targets.ts'
import type { UsageSamples } from './usage-samples.ts'
import { VERSION } from './version.ts'

export interface StatusContext {
  readonly interpreter: Interpreter
  readonly spec: SupervisorSpec
  readonly parts: EngineParts
  readonly usage: UsageSamples
  readonly startedAt: string
  readonly goingDown: boolean
}

export function reportStatus(
  { interpreter, spec, parts, usage, startedAt, goingDown }: StatusContext,
  shown: { readonly services: readonly ResolvedTarget[]; readonly forkservers: readonly string[] },
  query: StatusQuery,
): StatusReport {
  const runtimes = shown.services.flatMap(({ service, slots }) => {
    const runtime = interpreter.services.get(service)
    return runtime === undefined ? [] : [{ runtime, slots }]
  })
  const pids = interpreter.forkservers.all.flatMap(({ process }) => process?.pid ?? [])
  for (const { runtime } of runtimes) {
    const processes = [...runtime.slots.values()].flatMap((slot) => [...slot.processes.values()])
    pids.push(...processes.flatMap(({ pid }) => pid ?? []))
    interpreter.heartbeats.refresh(runtime, processes.filter(writesHeartbeats))
  }
  const samples = usage.sample(pids)
  const sources = {
    iso: interpreter.clock.isoConverter(),
    clock: interpreter.clock,
    brief: query.brief === true,
    usageOf: (pid: number) => samples.get(pid) ?? null,
    pssOf: query.memory ? pssOf : null,
    elections: interpreter.elections,
  }
  return {
    supervisor: {
      pid: process.pid,
      version: VERSION,
      startedAt,
      config: spec.configFile,
      node: process.version,
      name: spec.name,
      ...(goingDown ? { goingDown: true as const } : {}),
    },
    services: runtimes.map(({ runtime, slots }) => reportService(runtime, slots, sources)),
    sockets: parts.listeners.report(),
    forkservers: reportForkservers(interpreter, spec.forkservers, shown.forkservers, sources),
    locks: interpreter.elections.report(),
  }
}

/** A worker that has said nothing so far has no numbers in its table either: a thousand files less to open. */
function writesHeartbeats({ spec, notify, vitals }: RunningProcess): boolean {
  return vitals !== null && (notify !== null || spec.heartbeat !== null || spec.requestTimeout !== null)
}
