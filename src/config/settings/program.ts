// What a program says of its server beside the keys of a service (`ServerOptions`, where they are documented): their types, and what
// others call them. Functions are for server/ to look at.
import { serverName } from '../program-place.ts'
import { type SettingTable, setting } from '../setting.ts'
import type { ValueType } from '../value-type.ts'
import { listOf, objectOf } from '../values/collections.ts'
import { positiveDuration } from '../values/duration.ts'
import { boolean, filledText, integer, oneOf, text } from '../values/scalars.ts'
import { forkserverSettings } from './forkserver.ts'
import { logRotationSettings } from './log-rotation.ts'
import { serviceSettings } from './service.ts'
import { slotSettings } from './slots.ts'
import { supervisorSettings } from './supervisor.ts'

const row = <Out, In>(type: ValueType<Out, In>, ...knownElsewhereAs: readonly string[]) =>
  setting(type, { doc: '', knownElsewhereAs })

/** Looked at where its meaning is known. */
export const elsewhere: ValueType<unknown> = { name: 'a value', schema: {}, read: () => ({}) }

const titles = objectOf({
  supervisor: row(text),
  server: row(text),
  forkserver: row(text),
  worker: row(text),
  standby: row(text),
})

/** The others follow from the program. */
const { allow, startTimeout, forkTimeout, restart } = forkserverSettings

export const ownSettings = {
  name: row(serverName, 'ident', 'serverName'),
  workers: row(elsewhere, 'numprocs', 'replicas', 'processes', 'spirits', 'maxProcs', 'concurrency'),
  workerType: row(oneOf(['process', 'thread', 'embedded', 'spawn', 'fork']), 'type', 'execMode'),
  config: row(elsewhere, 'configuration', 'settings'),
  supervised: row(boolean, 'supervisor', 'supervise'),
  slots: row(objectOf(slotSettings), 'standbys', 'mains'),
  serverProcess: row(
    objectOf({
      heartbeat: row(serviceSettings.heartbeat.type),
      restart: row(serviceSettings.restart.type),
      stop: row(serviceSettings.stop.type),
      detachWait: row(positiveDuration, 'serverDetachWait'),
      enableDetach: row(boolean),
      exitOnDetach: row(boolean),
    }),
  ),
  upgrade: row(objectOf({ file: row(filledText), timeout: row(positiveDuration) })),
  titles: row(
    { ...titles, read: (raw, path, context) => (raw === false ? raw : titles.read(raw, path, context)) },
    'title',
    'processName',
    'processNameChange',
  ),
  server: row(elsewhere, 'hooks'),
  worker: row(elsewhere, 'spirit', 'run', 'script'),
  command: row(elsewhere),
  commandSender: row(oneOf(['signal', 'pipe'])),
  signals: row(elsewhere, 'signalMap', 'signalHandlers'),
  forkserver: row(objectOf({ allow, startTimeout, forkTimeout, restart }), 'forkserverOptions', 'fork'),
  orphans: row(oneOf(['finish', 'stay'])),
  logLevel: row(elsewhere, 'level', 'loglevel'),
  logRotation: row(objectOf(logRotationSettings), 'rotation', 'logRotate'),
  pidFile: row(filledText, 'pid', 'pidPath', 'pidfile'),
  daemonizeErrorExitCode: row(integer({ min: 1, max: 255 }), 'errorExitCode'),
  initFile: row(
    objectOf({
      description: row(text, 'lsbDesc'),
      requiredStart: row(listOf(text), 'lsbStart'),
      requiredStop: row(listOf(text), 'lsbStop'),
      config: row(text, 'initConfig'),
      code: row(text, 'initCode'),
      program: row(text, 'path'),
    }),
  ),
  quiet: row(boolean, 'silent'),
} as const satisfies SettingTable

/** Of the service, but for what the server gives by itself: who writes those means something that is called otherwise here. */
const {
  instances: _,
  autostart: _auto,
  dependsOn: _depends,
  forkserver: _name,
  entry: _entry,
  ...ofTheService
} = serviceSettings
const { runtimeDir, logDir, stateDir, control, sockets } = supervisorSettings

/** All options that there are; what is a key of the config file is checked with the config. */
export const programSettings = {
  ...ofTheService,
  runtimeDir,
  logDir,
  stateDir,
  control,
  sockets,
  ...ownSettings,
} as const satisfies SettingTable
