// What must hold within a forkserver, and between a service and the one that its workers are forked from.
import type { DeclaredForkserver, DeclaredService } from './declared.ts'
import type { ForkserverSpec, ServiceSpec } from './effective.ts'
import type { Findings } from './findings.ts'

/** Without meaning for a program that is not ours. */
const OF_OUR_RUNNERS = ['runtime', 'preload', 'executable', 'arguments', 'allow'] as const

export function checkForkserver(declared: DeclaredForkserver, spec: ForkserverSpec, findings: Findings): void {
  if (findings.isRefused(declared.at())) return
  if (spec.refork.length > 0 && (spec.command !== null || spec.runtime !== 'node')) {
    findings.error(declared.at('refork'), 'value', 'HF_CONFIG_CONFLICT', {
      problem: 'refork is for runtime: node',
      mend: 'Leave it out.',
    })
  }
  if (spec.command !== null) {
    const unused = OF_OUR_RUNNERS.find((key) => declared.settings[key] !== undefined)
    if (unused === undefined) return
    findings.warn(
      declared.at(unused),
      'key',
      `${unused} has no effect: this forkserver has a command of its own`,
      'Take one of the two out.',
    )
  } else if (spec.preload.length === 0) {
    findings.warn(
      declared.at(),
      'key',
      'nothing is loaded before the workers are forked, so that they share little',
      'Say what to load: preload: ./app.js',
    )
  }
}

/** Of a service: what can not be said of workers that are forked, or of workers that are not. */
export function checkForked(service: DeclaredService, spec: ServiceSpec, findings: Findings): void {
  const { command, forkserver, entry, user } = service.settings
  const refuse = (key: string, problem: string, mend: string): void =>
    findings.error(service.at(key), 'value', 'HF_CONFIG_CONFLICT', { problem, mend })
  if (!forkserver) {
    if (entry) refuse('entry', 'entry says what a forked worker runs', 'Name its forkserver, or use command.')
    return
  }
  if (command !== undefined)
    refuse('command', 'command and forkserver can not be used together', 'What a forked worker runs is its entry.')
  if (spec.slots !== null)
    refuse(
      'slots',
      'a forked worker can not be given the locks of slots',
      'Use command in place of forkserver and entry, or leave slots out.',
    )
  if (spec.ready.by === 'ipc')
    refuse('ready', 'a forked worker has no IPC channel', 'Use ready: notify, and say worker.ready() in the worker.')
  if (spec.stdin === 'commands')
    refuse('stdin', 'a forked worker gets no words on stdin', 'Leave stdin out: it gets signals and messages.')
  const loader = spec.forkserver?.user ?? null
  if (user && loader !== null && user !== loader)
    refuse(
      'user',
      `the forkserver runs as ${loader}, and what it forks can not become ${user}`,
      'Leave user out of the forkserver: then it loads as the supervisor, and its workers become who they are to be.',
    )
}
