// The command line as data: parsing, help, usage errors and docs/cli.md all read this table.

export interface OptionRow {
  /** Without the dashes. */
  readonly long: string
  readonly short?: string
  /** What stands for the value in the help; absent: a flag. */
  readonly value?: string
  readonly kind?: 'duration' | 'count' | 'choice'
  readonly choices?: readonly string[]
  readonly doc: string
  /** Known, but its engine is not built yet. */
  readonly later?: boolean
}

export interface VerbRow {
  readonly name: string
  /** As in the usage line: `TARGET…`, `[TARGET]`, `N|+N|-N`. */
  readonly arguments: readonly string[]
  readonly group: 'run' | 'look' | 'drive' | 'config' | 'later'
  readonly summary: string
  readonly details?: string
  readonly options: readonly OptionRow[]
  readonly examples: readonly (readonly [command: string, doc: string])[]
  readonly later?: boolean
  /** Not in the help: for holdfast itself. */
  readonly hidden?: boolean
}

export const GLOBAL_OPTIONS: readonly OptionRow[] = [
  {
    long: 'config',
    short: 'c',
    value: 'FILE',
    doc: 'the config file; default: holdfast.yaml|yml|json|js|mjs|ts here, else /etc/holdfast/holdfast.yaml',
  },
  { long: 'socket', value: 'PATH', doc: "the supervisor's control socket, instead of finding it by the config" },
  { long: 'json', doc: 'machine-readable output' },
  { long: 'no-color', doc: 'no colours, also on a terminal (as does NO_COLOR)' },
  { long: 'quiet', short: 'q', doc: 'errors only' },
  { long: 'help', short: 'h', doc: 'this help' },
  { long: 'version', short: 'V', doc: 'the version' },
]

const noWait: OptionRow = { long: 'no-wait', doc: 'return at once, the operation goes on' }
const timeout: OptionRow = {
  long: 'timeout',
  value: 'D',
  kind: 'duration',
  doc: 'wait at most this long (exit 124); the operation goes on',
}
const replace: OptionRow = { long: 'replace', doc: 'supersede a rollout in progress' }
const waiting = [noWait, timeout]

const RUN: readonly VerbRow[] = [
  {
    name: 'up',
    arguments: [],
    group: 'run',
    summary: 'run the supervisor and its services',
    details:
      "In the foreground with every service's output, prefixed; TERM, INT and a closed terminal stop everything. With --detach it returns when each autostart service is ready, or ended as allowed.",
    options: [
      { long: 'detach', short: 'd', doc: 'run in the background' },
      { long: 'clean', doc: 'first end what a dead supervisor left running' },
      { long: 'guard', doc: 'a minimal parent that restarts the supervisor', later: true },
      { long: 'takeover', doc: 'take sockets and workers over from a living supervisor', later: true },
    ],
    examples: [
      ['holdfast up', 'run what holdfast.yaml in this directory declares'],
      ['holdfast up -c shop.yaml --detach', 'in the background; returns when it is up'],
    ],
  },
  {
    name: 'down',
    arguments: [],
    group: 'run',
    summary: 'stop every service, then the supervisor',
    details: 'Services stop in reverse dependency order. Returns when the process of the supervisor is gone.',
    options: [{ long: 'timeout', value: 'D', kind: 'duration', doc: 'kill what still runs after this long' }],
    examples: [['holdfast down', 'each service as its `stop` says: TERM, after 10 s KILL, by default']],
  },
]

const LOOK: readonly VerbRow[] = [
  {
    name: 'status',
    arguments: ['[TARGET…]'],
    group: 'look',
    summary: 'what runs, since when, how often restarted',
    details: 'Exit code 0 when the supervisor answers; with targets 3 if one of them has no ready worker.',
    options: [
      { long: 'watch', short: 'w', doc: 'redraw each second and at each event, until Ctrl-C' },
      { long: 'memory', doc: 'the proportional memory (PSS) of each worker' },
    ],
    examples: [
      ['holdfast status', 'everything'],
      ['holdfast status web db', 'exit 3 unless both have a ready worker'],
    ],
  },
  {
    name: 'logs',
    arguments: ['[TARGET…]'],
    group: 'look',
    summary: "the services' output, across rotated files",
    options: [
      { long: 'follow', short: 'f', doc: 'go on with new lines' },
      { long: 'lines', short: 'n', value: 'N', kind: 'count', doc: 'how many lines back; default 50' },
      { long: 'since', value: 'D', kind: 'duration', doc: 'only lines younger than this' },
      { long: 'stream', value: 'out|err', kind: 'choice', choices: ['out', 'err'], doc: 'only this stream' },
    ],
    examples: [
      ['holdfast logs -f web', 'follow all workers of web'],
      ['holdfast logs web/2 --since 5m --stream err', 'what one worker complained about'],
    ],
  },
  {
    name: 'events',
    arguments: ['[TARGET…]'],
    group: 'look',
    summary: 'state changes with their causes',
    options: [
      { long: 'follow', short: 'f', doc: 'go on with new events' },
      { long: 'lines', short: 'n', value: 'N', kind: 'count', doc: 'how many events back; default 50' },
    ],
    examples: [['holdfast events -f', 'watch what happens and why']],
  },
  {
    name: 'why',
    arguments: ['TARGET'],
    group: 'look',
    summary: 'why it is down, was restarted, is not ready, is waiting',
    details: 'One sentence for each worker, then the chain of events. Also without a supervisor, from the journal.',
    options: [],
    examples: [['holdfast why web/0', 'the cause of its present state']],
  },
]

const DRIVE: readonly VerbRow[] = [
  {
    name: 'start',
    arguments: ['TARGET…'],
    group: 'drive',
    summary: 'start what does not run, with what it depends on',
    options: waiting,
    examples: [['holdfast start web', 'returns when it is ready']],
  },
  {
    name: 'stop',
    arguments: ['TARGET…'],
    group: 'drive',
    summary: 'ask it to end, kill it if it does not end in time',
    options: [...waiting, { long: 'with-dependents', doc: 'first stop the services that depend on it' }],
    examples: [['holdfast stop db --with-dependents', 'and what needs it']],
  },
  {
    name: 'restart',
    arguments: ['TARGET…'],
    group: 'drive',
    summary: 'new processes for the workers, one after another',
    details:
      'Of a service with sockets a new process is ready before an old one is asked to stop; of others one stops, then its successor starts. If a new one fails, the old ones stay or come back: exit 1 with the reason and its last output.',
    options: [...waiting, { long: 'cold', doc: 'stop all workers, then start' }, replace],
    examples: [
      ['holdfast restart web', 'of a service with sockets no request is dropped'],
      ['holdfast restart @blue', 'every service with the tag blue'],
    ],
  },
  {
    name: 'failover',
    arguments: ['TARGET…'],
    group: 'drive',
    summary: 'planned switch: the main ends, the standby that waits longest takes over',
    details:
      'For services with `slots`. The old main finishes its work first; a fresh standby is started in its place.',
    options: [...waiting],
    examples: [['holdfast failover db', 'before the machine of the main goes into maintenance']],
  },
  {
    name: 'reload',
    arguments: ['TARGET…'],
    group: 'drive',
    summary: 'as the service says: a signal, a command or a rolling restart',
    options: waiting,
    examples: [['holdfast reload nginx', 'as its config says']],
  },
  {
    name: 'scale',
    arguments: ['TARGET', 'N|+N|-N'],
    group: 'drive',
    summary: 'set or change the number of workers',
    options: waiting,
    examples: [
      ['holdfast scale web 6', 'six workers'],
      ['holdfast scale web -2', 'two less'],
    ],
  },
  {
    name: 'signal',
    arguments: ['SIG', 'TARGET…'],
    group: 'drive',
    summary: "send a signal to the workers' processes",
    options: [{ long: 'group', doc: 'to the whole process group' }],
    examples: [['holdfast signal HUP web/0', 'after the identity check']],
  },
]

const CONFIG: readonly VerbRow[] = [
  {
    name: 'check',
    arguments: [],
    group: 'config',
    summary: 'validate a config: every error with its place and a hint',
    details: 'Also looks up users, groups, directories, commands and free ports. Exit code 0 or 2.',
    options: [{ long: 'no-host', doc: 'only the file, nothing about this machine' }],
    examples: [['holdfast check -c shop.yaml', 'before apply']],
  },
  {
    name: 'apply',
    arguments: [],
    group: 'config',
    summary: 'take over a changed config; only what changed is touched',
    options: [{ long: 'dry-run', doc: 'only show what would change' }, replace, timeout],
    examples: [['holdfast apply --dry-run', 'what would be restarted']],
  },
  {
    name: 'config',
    arguments: ['[schema]'],
    group: 'config',
    summary: 'the effective config with defaults; `config schema`: its JSON Schema',
    options: [],
    examples: [
      ['holdfast config --json', 'for a program'],
      ['holdfast config schema > holdfast.schema.json', 'for an editor'],
    ],
  },
  {
    name: 'dump',
    arguments: ['[TARGET]'],
    group: 'config',
    summary: 'the internal state, for a bug report',
    options: [],
    examples: [['holdfast dump web > web.json', 'one service']],
  },
]

const LATER: readonly VerbRow[] = [
  later('upgrade', [], 'replace the supervisor in place'),
  later('top', [], 'live view'),
  later('exec', ['SERVICE', '--', 'CMD…'], "a command in the service's environment"),
  later('run', ['JOB'], 'a scheduled job now'),
  later('lock', ['status', 'NAME'], 'who holds a lock'),
  later('doctor', [], 'checks of the machine'),
  later('console', ['[FILE|-]'], 'the one-line command language'),
  later('import', ['FORMAT', 'FILE'], 'the equivalent config of another supervisor'),
  later('unit', ['FORMAT'], 'the init file that runs this config at boot'),
  later('completion', ['SHELL'], "the shell's completion"),
]

/** The detached supervisor; started by `up --detach`, which hands it the parsed config. */
const SUPERVISE: VerbRow = {
  name: 'supervise',
  arguments: [],
  group: 'run',
  summary: 'the detached supervisor itself',
  options: [],
  examples: [],
  hidden: true,
}

/** The effective config as JSON into a file; how a running supervisor reads its config again. */
const EVALUATE: VerbRow = {
  name: 'evaluate',
  arguments: ['RESULT'],
  group: 'config',
  summary: 'writes the effective config for a running supervisor',
  options: [],
  examples: [],
  hidden: true,
}

export const VERBS: readonly VerbRow[] = [...RUN, ...LOOK, ...DRIVE, ...CONFIG, ...LATER, SUPERVISE, EVALUATE]

function later(name: string, args: readonly string[], summary: string): VerbRow {
  return { name, arguments: args, group: 'later', summary, options: [], examples: [], later: true }
}
