// How a command starts the server in the background: by itself, or below a supervisor.
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { openDevNull } from '../os/fifo.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { ChildReaper } from '../os/reap.ts'
import { socketPair } from '../os/socket-pair.ts'
import { spawnProcess } from '../os/spawn.ts'
import { prepareDirectories } from '../supervisor/runtime-directory.ts'
import { awaitExit } from './await-exit.ts'
import { awaitReport, HANDOVER_FD, handOver, type StartReport } from './handover.ts'
import { environmentList } from './running-supervisor.ts'
import type { ServerOptions } from './server-options.ts'
import { serverServiceName } from './server-place.ts'
import { supervisorSpecOf } from './supervised-server.ts'
import { supervisorSignalPlan } from './supervisor-signal-plan.ts'
import { SERVER_TIER_FLAGS, TIER_VARIABLES } from './tier.ts'
import { titleOf } from './titles.ts'
import { holdfastProgram, serverCommand } from './worker-command.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface Started {
  readonly pid: number
  /** Null: it ended without a word. */
  readonly report: StartReport | null
}

export async function startServer<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Environment,
): Promise<Started> {
  const tier = { [TIER_VARIABLES.server]: options.name, [TIER_VARIABLES.tier]: 'server' }
  const command = serverCommand(options as ServerOptions<never>, program)
  const { pid, channel } = startInBackground(command, { ...environment, ...tier })
  return started(pid, await awaitReport(channel))
}

/** The daemon, with the server as its service. @param server what the server itself will run on, as far as is known by now */
export async function startSupervisor<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Environment,
  server: SupervisorSpec,
): Promise<Started> {
  const spec = await supervisorSpecOf(options as ServerOptions<never>, server, program, environment)
  prepareDirectories(spec)
  const { pid, channel } = startInBackground(
    [process.execPath, ...SERVER_TIER_FLAGS, holdfastProgram(), 'supervise', '-c', program],
    environment,
  )
  const { handedOn, ...signalPlan } = supervisorSignalPlan(options)
  const library = {
    log: join(spec.logDir, `${spec.name}.supervisor.log`),
    pidFile: options.pidFile ?? null,
    forwards: { signals: handedOn, to: serverServiceName(spec.name) },
    ...signalPlan,
    title: titleOf('supervisor', options, 0)?.main ?? null,
  }
  return started(pid, await handOver(channel, { spec, clean: true, library }))
}

/** One that could not start has said so, and is on its way out. */
async function started(pid: number, report: StartReport | null): Promise<Started> {
  const startTime = report === null || 'error' in report ? startTimeOf(pid) : null
  if (startTime !== null) await awaitExit({ pid, startTime })
  return { pid, report }
}

function startInBackground(argv: readonly string[], environment: Environment): { pid: number; channel: number } {
  const [channel, theirs] = socketPair()
  const devNull = openDevNull()
  try {
    const fds = [devNull, 2, 2]
    fds[HANDOVER_FD] = theirs
    const [file = ''] = argv
    const env = environmentList(environment)
    const pid = spawnProcess({ file, argv, env, cwd: process.cwd(), fds, session: true, softNoFile: null })
    // Whoever starts it may live longer: a zombie would be left for as long.
    const reaper = new ChildReaper('own-children', () => reaper.close())
    reaper.watch(pid, { keepsLoop: false })
    return { pid, channel }
  } finally {
    for (const fd of [theirs, devNull]) closeSync(fd)
  }
}
