// docs/reference/config.md, made from the settings tables.
import { ComputedDefault, type Setting, type SettingTable } from './setting.ts'
import { earlyDeathSettings } from './settings/early-death.ts'
import { forkserverSettings } from './settings/forkserver.ts'
import { heartbeatSettings } from './settings/heartbeat.ts'
import { limitSettings } from './settings/limits.ts'
import { paceSettings } from './settings/pace.ts'
import { readySettings } from './settings/ready.ts'
import { reloadSettings } from './settings/reload.ts'
import { restartSettings } from './settings/restart.ts'
import { rolloutSettings } from './settings/rollout.ts'
import { serviceSettings } from './settings/service.ts'
import { lockSettings, slotSettings } from './settings/slots.ts'
import { socketSettings } from './settings/socket.ts'
import { stopSettings } from './settings/stop.ts'
import { controlSettings, supervisorSettings } from './settings/supervisor.ts'
import { stepSettings } from './values/ladder.ts'

interface Section {
  readonly title: string
  readonly introduction: string
  readonly table: SettingTable
}

const SECTIONS: readonly Section[] = [
  {
    title: 'The file',
    introduction: 'Top-level keys. Keys that begin with `x-` are yours: Holdfast does not look at them.',
    table: supervisorSettings,
  },
  { title: 'control', introduction: 'The control socket.', table: controlSettings },
  {
    title: 'sockets.NAME',
    introduction: 'An address as text (`http: tcp://0.0.0.0:8080`), or an object:',
    table: socketSettings,
  },
  { title: 'locks.NAME', introduction: 'What decides who is main.', table: lockSettings },
  {
    title: 'forkservers',
    introduction:
      '`forkservers.NAME`: loads an application once, and forks workers of services from itself ([forkservers.md](../forkservers.md)). Durations and `restart` as for a service.',
    table: forkserverSettings,
  },
  {
    title: 'services.NAME and defaults',
    introduction: 'What to run. The same keys under `defaults` hold for every service.',
    table: serviceSettings,
  },
  {
    title: 'ready',
    introduction:
      '`notify` (the worker says so, see the SDK), or an object with exactly one of these keys. Replaced as a whole.',
    table: readySettings,
  },
  { title: 'restart', introduction: 'What follows when a process ends.', table: restartSettings },
  { title: 'pace', introduction: 'Starts of one service, one after the other.', table: paceSettings },
  {
    title: 'earlyDeath',
    introduction:
      'What follows for the whole service when a worker dies before it was ready, or less than `restart.resetAfter` after: `back-off`, or `shut-down`.',
    table: earlyDeathSettings,
  },
  { title: 'stop', introduction: 'How a worker is stopped.', table: stopSettings },
  {
    title: 'Steps of stop.signals and heartbeat.signals',
    introduction: '`TERM`, `TERM/30s`, or an object:',
    table: stepSettings,
  },
  {
    title: 'reload',
    introduction: '`rolling`, or an object with `signal` or `command`. Replaced as a whole.',
    table: reloadSettings,
  },
  { title: 'rollout', introduction: 'How a rolling restart goes.', table: rolloutSettings },
  {
    title: 'slots',
    introduction: 'Main and standby, see [main-and-standby.md](../main-and-standby.md).',
    table: slotSettings,
  },
  { title: 'heartbeat', introduction: 'Signs of life.', table: heartbeatSettings },
  {
    title: 'limits',
    introduction: 'A number for both limits, `unlimited`, or `{ soft, hard }`. Sizes take units, as `64MB`.',
    table: limitSettings,
  },
]

/** The reference page in Markdown. */
export function referencePage(): string {
  const parts = [INTRODUCTION, ...SECTIONS.map(sectionText), laterText()]
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `# Configuration reference

<!-- Made by scripts/docs.mjs from src/config/settings. Do not edit. -->

Every key, with its default. [configuration.md](../configuration.md) is the guide, with examples.

- **Durations**: \`500ms\`, \`10s\`, \`5m\`, \`2h\`, \`1d\`, also \`1.5h\`; a number without a unit is seconds.
- **Sizes**: \`64KB\`, \`10MB\`, \`1GB\`; 1 KB is 1024 bytes, a number without a unit is bytes.
- **Names** (services, sockets, tags): a letter, then letters, digits, \`_\` or \`-\`, 63 at most; not \`all\`.
- **Permission bits**: octal, as text: \`'0660'\`.
- **Relative paths** are relative to the directory of the main config file.
- **Merging**: built-in default, then \`defaults\`, then the service; objects key by key, everything else as a whole.`

function sectionText({ title, introduction, table }: Section): string {
  const rows = Object.entries(table).filter(([, row]) => !row.laterEngine || row.worksNow)
  return [
    `## ${title}`,
    '',
    introduction,
    '',
    '| key | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map(rowText),
  ].join('\n')
}

function rowText([key, row]: [string, Setting]): string {
  const cells = [`\`${key}\``, typeText(row), defaultText(row), meaning(row)]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function typeText({ type, unit }: Setting): string {
  const unitName = unit ?? type.unit
  return unitName === undefined ? type.name : `${type.name} (${unitName})`
}

function defaultText({ default: value, required }: Setting): string {
  if (required) return 'required'
  if (value === undefined || value === null) return 'none'
  if (value instanceof ComputedDefault) return value.text
  const isEmpty = typeof value === 'object' && Object.keys(value).length === 0
  return isEmpty || value === '' ? 'none' : `\`${plainText(value)}\``
}

/** `[TERM, KILL]`, `{ delay: 1s }` */
function plainText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(plainText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${plainText(inner)}`)
  return `{ ${pairs.join(', ')} }`
}

function meaning({ doc, reason, worksNow }: Setting): string {
  const parts = [doc]
  if (worksNow !== undefined) parts.push(`Only ${worksNow.join(', ')} for now: more is not available yet.`)
  if (reason !== undefined) parts.push(`*Why: ${reason}.*`)
  return parts.join(' ')
}

function laterText(): string {
  const tables: readonly [string, SettingTable][] = [
    ['', supervisorSettings],
    ['control.', controlSettings],
    ['services.NAME.', serviceSettings],
  ]
  const rows = tables.flatMap(([prefix, table]) =>
    Object.entries(table)
      .filter(([, row]) => row.laterEngine && !row.worksNow)
      .map(([key, row]) => `| \`${prefix}${key}\` | ${row.doc.replaceAll('|', '\\|')} |`),
  )
  const introduction =
    'Known keys whose engine is still to come. `check` and `up` name all that a config uses, and refuse it.'
  return ['## Not available yet', '', introduction, '', '| key | meaning |', '| --- | --- |', ...rows].join('\n')
}
