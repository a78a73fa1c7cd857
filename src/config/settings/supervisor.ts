import { ComputedDefault, setting, type Written } from '../setting.ts'
import { listOf, objectOf, oneOrMore, recordOf } from '../values/collections.ts'
import { nameKeys, nameOf } from '../values/names.ts'
import { permissionBits } from '../values/octal.ts'
import { account, filledText, path, text } from '../values/scalars.ts'
import { forkserver } from './forkserver.ts'
import { insteadOfServices, insteadOfSockets } from './instead.ts'
import { laterControlSettings, laterSupervisorSettings } from './later.ts'
import { service } from './service.ts'
import { lock } from './slots.ts'
import { socket } from './socket.ts'

export const controlSettings = {
  socket: setting(path, {
    default: new ComputedDefault('`<runtimeDir>/holdfast.sock`'),
    doc: 'The control socket: HTTP and JSON.',
  }),
  mode: setting(permissionBits, {
    default: new ComputedDefault("`'0600'`; `'0666'` with `allow`"),
    doc: 'Permission bits of the control socket. Whoever connects, the peer is checked: owner and root.',
    reason: 'who drives the supervisor can run anything as its user',
  }),
  allow: setting(listOf(account), {
    default: [],
    doc: 'More users who may drive what is declared; they can not change commands or users.',
  }),
  ...laterControlSettings,
} as const

const services = recordOf(nameKeys('service'), service, insteadOfServices)
const sockets = recordOf(nameKeys('socket'), socket, insteadOfSockets)

/** What an included file may say. */
export const includedSettings = {
  $schema: setting(text, { doc: 'Address of the JSON Schema, for editors. Holdfast does not look at it.' }),
  include: setting(oneOrMore(filledText), {
    default: [],
    doc: 'Globs of further files, relative to the file they stand in. Included files may have `services`, `sockets`, `defaults` and `include`; their `defaults` hold for their own services.',
    knownElsewhereAs: ['includes', 'files', 'imports'],
  }),
  sockets: setting(sockets, {
    default: {},
    doc: 'Listening sockets that belong to the supervisor, by name: an address, or an object with more.',
    knownElsewhereAs: ['listeners', 'ports'],
  }),
  defaults: setting(service, { doc: 'Any service key, for every service; a service that gives the key as well wins.' }),
  services: setting(services, {
    default: {},
    doc: 'What to run, by name.',
    knownElsewhereAs: ['programs', 'apps', 'processes', 'daemons'],
  }),
  forkservers: setting(recordOf(nameKeys('forkserver'), forkserver), {
    default: {},
    doc: 'Processes that load an application once and fork workers from themselves, by name, for `forkserver` of a service.',
    knownElsewhereAs: ['proxies', 'proxy', 'molds', 'zygotes'],
  }),
  locks: setting(recordOf(nameKeys('lock'), lock), {
    default: {},
    doc: 'Locks that decide who is main, by name, for `slots.lock`.',
  }),
} as const

export const supervisorSettings = {
  name: setting(nameOf('supervisor', ['by-config']), {
    default: new ComputedDefault("the name of the config file's directory"),
    doc: 'Name of this supervisor.',
    reason: 'usually the name of the project',
  }),
  runtimeDir: setting(path, {
    default: new ComputedDefault(
      '`<base>/<name>`; `<base>` is `/run/holdfast` for root, else `$XDG_RUNTIME_DIR/holdfast`, else `/tmp/holdfast-<uid>`',
    ),
    doc: 'Control socket, records of what runs, output pipes. Best in memory (tmpfs).',
    reason: 'empty after a reboot, as what it describes',
  }),
  logDir: setting(path, {
    default: new ComputedDefault("`log` in the config file's directory"),
    doc: 'Log files.',
    knownElsewhereAs: ['logs', 'logfile'],
  }),
  stateDir: setting(path, {
    default: new ComputedDefault('`logDir`'),
    doc: 'The event journal, and what must survive a reboot.',
  }),
  control: setting(objectOf(controlSettings), {
    doc: 'The control socket.',
    knownElsewhereAs: ['unix_http_server', 'api'],
  }),
  logging: laterSupervisorSettings.logging,
  ...includedSettings,
} as const

/**
 * A config as a program or module may write it: the keys of `holdfast.yaml`.
 * @example
 * ```ts
 * // holdfast.config.ts, for `holdfast up -c holdfast.config.ts`
 * import type { SupervisorConfig } from 'holdfast'
 *
 * export default {
 *   sockets: { http: 'tcp://0.0.0.0:8080' },
 *   services: { web: { command: ['node', 'server.mjs'], instances: 'cpus', sockets: ['http'], ready: 'notify' } },
 * } satisfies SupervisorConfig
 * ```
 */
export type SupervisorConfig = Written<typeof supervisorSettings> & { readonly [extension: `x-${string}`]: unknown }
