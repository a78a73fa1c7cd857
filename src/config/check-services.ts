// What must hold between the keys of one service, and between services and what they name.
import { checkForked } from './check-forkservers.ts'
import type { Declarable, Declared, DeclaredService } from './declared.ts'
import type { ServiceSpec, SignalStep } from './effective.ts'
import type { Findings, Standing } from './findings.ts'
import { formatDuration } from './values/duration.ts'

export function checkService(
  service: DeclaredService,
  spec: ServiceSpec,
  declared: Declared,
  findings: Findings,
): void {
  checkReferences(service, declared, findings)
  checkWorkers(service, spec, findings)
  checkForked(service, spec, findings)
  checkRestart(service, spec, findings)
  checkRollout(service, spec, findings)
  checkHeartbeat(service, spec, findings)
  checkStop(service, spec, findings)
}

function checkReferences(service: DeclaredService, declared: Declared, findings: Findings): void {
  const { dependsOn = {}, sockets = [], stdin, slots, forkserver } = service.settings
  const mustExist = (what: Declarable, name: string, where: Standing, at: 'key' | 'value') => {
    if (declared.has(what, name)) return
    findings.error(where, at, 'HF_CONFIG_REFERENCE', { what, name, mend: declared.suggest(what, name) })
  }
  for (const name of Object.keys(dependsOn)) mustExist('service', name, service.at('dependsOn', name), 'key')
  for (const [index, name] of sockets.entries()) {
    mustExist('socket', name, service.at('sockets', index), 'value')
    if (sockets.indexOf(name) < index) {
      findings.error(service.at('sockets', index), 'value', 'HF_CONFIG_CONFLICT', {
        problem: `socket "${name}" is listed twice`,
        mend: 'Take one out.',
      })
    }
  }
  if (forkserver) mustExist('forkserver', forkserver, service.at('forkserver'), 'value')
  if (slots?.lock !== undefined) mustExist('lock', slots.lock, service.at('slots', 'lock'), 'value')
  if (stdin && stdin !== 'commands') mustExist('socket', stdin.socket, service.at('stdin'), 'value')
}

function checkWorkers(service: DeclaredService, spec: ServiceSpec, findings: Findings): void {
  const { command, forkserver, slots, instances } = service.settings
  if (command === undefined && !forkserver) reportNoCommand(service, findings)
  if (service.name === 'holdfast') {
    const detail = {
      problem: '"holdfast" can not be a service name: its log would be that of the supervisor',
      mend: 'Choose another name.',
    }
    findings.error(service.at(), 'key', 'HF_CONFIG_NAME', detail)
  }
  checkLockFds(service, spec, findings)
  if (slots !== undefined && instances !== undefined) {
    const detail = {
      problem: 'slots and instances can not be used together',
      mend: 'slots sets instances to mains + standbys.',
    }
    findings.error(service.at('instances'), 'key', 'HF_CONFIG_CONFLICT', detail)
  }
}

/** A Node process closes what it inherits below 16 for its own children: a child of a main must not keep its lock. */
const LOCK_FDS_END = 16

/** stdin, stdout, stderr, sockets, notification and command FIFO, a channel; then the slots and the place of a standby. */
function checkLockFds(
  service: DeclaredService,
  { slots, sockets, ready, stdin }: ServiceSpec,
  findings: Findings,
): void {
  if (slots === null) return
  if (stdin === 'commands' && slots.warm) {
    findings.error(service.at('stdin'), 'value', 'HF_CONFIG_CONFLICT', {
      problem: 'there is no word on stdin for a promotion',
      mend: 'Set slots.warm: false, or leave stdin out.',
    })
  }
  if (slots.promoteSignal !== null && !slots.warm) {
    findings.error(service.at('slots', 'promoteSignal'), 'value', 'HF_CONFIG_CONFLICT', {
      problem: 'a cold standby is not told: it is started when it is promoted',
      mend: 'Leave it out, or take warm standbys.',
    })
  }
  const free = LOCK_FDS_END - (3 + sockets.length + 2 + (ready.by === 'ipc' ? 1 : 0)) - 1
  if (slots.mains <= free) return
  findings.error(service.at('slots'), 'key', 'HF_CONFIG_CONFLICT', {
    problem: `${slots.mains} mains need ${slots.mains} file descriptors below ${LOCK_FDS_END}, and beside ${sockets.length} sockets ${Math.max(0, free)} are left`,
    mend: 'Take fewer mains, or fewer sockets.',
  })
}

function reportNoCommand(service: DeclaredService, findings: Findings): void {
  const at = service.at()
  const where = { ...at, path: [...at.path, 'command'], standsAt: [...at.standsAt, 'command'] }
  // A command or forkserver that was refused is told about already.
  const isGiven = ['command', 'forkserver'].some((key) => findings.isRefused(service.at(key)))
  if (!isGiven)
    findings.error(where, 'key', 'HF_CONFIG_MISSING', {
      key: 'command',
      mend: 'Say what to run, as command: node server.js',
    })
}

function checkRestart(service: DeclaredService, { restart }: ServiceSpec, findings: Findings): void {
  if (restart.initial <= restart.max || findings.isRefused(service.at('restart'))) return
  const problem = `the first wait (${formatDuration(restart.initial)}) is longer than the longest (${formatDuration(restart.max)})`
  const key = service.settings.restart?.initial === undefined ? 'max' : 'initial'
  findings.error(service.at('restart', key), 'value', 'HF_CONFIG_CONFLICT', {
    problem,
    mend: 'Raise restart.max or lower restart.initial.',
  })
}

function checkRollout(service: DeclaredService, { rollout }: ServiceSpec, findings: Findings): void {
  if (rollout.maxSurge > 0 || rollout.maxUnavailable > 0 || findings.isRefused(service.at('rollout'))) return
  const key = service.settings.rollout?.maxSurge === undefined ? 'maxUnavailable' : 'maxSurge'
  findings.error(service.at('rollout', key), 'value', 'HF_CONFIG_CONFLICT', {
    problem: 'maxSurge and maxUnavailable are both 0: no worker could ever be replaced',
    mend: 'Set maxSurge: 1 (new beside old) or maxUnavailable: 1 (stop, then start).',
  })
}

function checkHeartbeat(service: DeclaredService, { heartbeat }: ServiceSpec, findings: Findings): void {
  if (heartbeat === null) return
  warnUnreachableSteps(service, ['heartbeat', 'signals'], heartbeat.signals, findings)
  if (heartbeat.interval < heartbeat.timeout || findings.isRefused(service.at('heartbeat'))) return
  const problem = `the interval (${formatDuration(heartbeat.interval)}) is not shorter than the timeout (${formatDuration(heartbeat.timeout)})`
  const mend = 'A sound worker would be ended. A third of the timeout is a good interval.'
  findings.error(service.at('heartbeat', 'interval'), 'value', 'HF_CONFIG_CONFLICT', { problem, mend })
}

// keepAliveTimeout of the SDK (6 s) and a second for what is under way.
const SHORTEST_DRAIN = 7000

function checkStop(
  service: DeclaredService,
  { stop, session, sockets, forkserver }: ServiceSpec,
  findings: Findings,
): void {
  if (service.settings.stop?.group === true && !session) {
    findings.error(service.at('stop', 'group'), 'value', 'HF_CONFIG_CONFLICT', {
      problem: 'stop.group needs a session: without one the group is that of the supervisor',
      mend: 'Set session: true or stop.group: false.',
    })
  }
  warnUnreachableSteps(service, ['stop', 'signals'], stop.signals, findings)
  const wait = stop.signals[0]?.wait ?? null
  const hasNoSdk = forkserver !== null && (forkserver.command !== null || forkserver.runtime !== 'node')
  if (sockets.length === 0 || hasNoSdk || wait === null || wait > SHORTEST_DRAIN) return
  const where =
    service.settings.stop?.timeout === undefined ? service.at('stop', 'signals') : service.at('stop', 'timeout')
  findings.warn(
    where,
    'value',
    `a worker has only ${formatDuration(wait)} to let its clients go`,
    `Keep-alive connections live 6 s with the SDK; give the first stop signal more than ${formatDuration(SHORTEST_DRAIN)}.`,
  )
}

function warnUnreachableSteps(
  service: DeclaredService,
  keys: readonly string[],
  steps: readonly SignalStep[],
  findings: Findings,
): void {
  const endless = steps.findIndex(({ wait }, index) => wait === null && index < steps.length - 1)
  if (endless < 0) return
  findings.warn(
    service.at(...keys, endless),
    'value',
    'the steps after this one are never reached',
    'It waits for ever; give it a time.',
  )
}

/** A job that others wait for to end must not be started again and again. */
export function warnEndlessExits(
  service: DeclaredService,
  specs: ReadonlyMap<string, ServiceSpec>,
  findings: Findings,
): void {
  for (const [name, condition] of Object.entries(service.settings.dependsOn ?? {})) {
    if (condition !== 'exited' || specs.get(name)?.restart.when !== 'always') continue
    findings.warn(
      service.at('dependsOn', name),
      'value',
      `${name} is started again whenever it exits (restart.when is always)`,
      `Set restart.when of ${name} to on-failure or never.`,
    )
  }
}
