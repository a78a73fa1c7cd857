// Keys of PM2, supervisord, systemd, Compose and the like whose value is written in another way here. What is only called
// by another name stands with the setting itself (`knownElsewhereAs`).
import { inYaml } from './in-yaml.ts'
import { formatDuration, parseDuration } from './values/duration.ts'
import { plainValue, shorten, textOf } from './written-scalar.ts'

type Advice = string | ((raw: unknown) => string)

/** The advice for a service's key as somebody else's program calls it; null for one that none of them has. */
export function foreignServiceKey(key: string, raw: unknown): string | null {
  const limit = /^limit([a-z]+)$/i.exec(key)?.[1]
  if (limit !== undefined) return `Write limits: { ${limit.toLowerCase()}: ${inYaml(raw)} }.`
  if (/^env_[a-z]+$/i.test(key)) return 'Write env, with ${NAME:-default} where it depends on the environment.'
  return adviceOf(SERVICE_KEYS, key, raw)
}

/** The same for the file as a whole. */
export function foreignTopKey(key: string, raw: unknown): string | null {
  return adviceOf(TOP_KEYS, key, raw)
}

function adviceOf(keys: Readonly<Record<string, Advice>>, key: string, raw: unknown): string | null {
  const plain = key.replace(/[-_]/g, '').toLowerCase()
  const advice = Object.hasOwn(keys, plain) ? keys[plain] : undefined
  return typeof advice === 'function' ? advice(raw) : (advice ?? null)
}

/** A number of `unit`s, or a duration with a unit of its own; else the example. */
function duration(raw: unknown, unit: 1 | 1000, example: string): string {
  const value = plainValue(raw)
  if (typeof value === 'number' && value > 0 && value < 1e9) return formatDuration(Math.round(value * unit))
  const text = textOf(raw)
    ?.trim()
    .replace(/sec(onds?)?$/, 's')
    .replace(/min(utes?)?$/, 'm')
  return text !== undefined && /[a-z]$/.test(text) && parseDuration(text) !== null ? text : example
}

function number(raw: unknown, example: number): number {
  const value = plainValue(raw)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : example
}

const seconds = (write: (duration: string) => string, example: string) => (raw: unknown) =>
  `Write ${write(duration(raw, 1000, example))}.`
const millis = (write: (duration: string) => string, example: string) => (raw: unknown) =>
  `Write ${write(duration(raw, 1, example))}.`

const stopTimeout = (time: string) => `stop: { timeout: ${time} }`
const signals = (raw: unknown) => `Write stop: { signals: [${inYaml(raw).replace(/^(SIG|…$)/, '') || 'INT'}, KILL] }.`
const maxRetries = (raw: unknown) => `Write restart: { maxRetries: ${number(raw, 5)} }.`
const outputFile = (stream: string) => (raw: unknown) => {
  const text = textOf(raw) ?? ''
  const path = /^[^\s{}[\]]+$/.test(text) ? shorten(text) : 'PATH'
  return `Write ${stream}: file:${path}, or take it out: output goes to a log in logDir.`
}

const ORDER = 'Write dependsOn: { db: ready } in the service that has to wait.'
const LATER_MEMORY = 'Limits of memory are not available yet; take it out.'
const GROUP = 'Take it out: signals go to the whole process group. (stop: { group: false } changes that.)'
const ROTATION = 'Take it out: logs are rotated at 10 MB and 5 are kept; other numbers are not available yet.'
const LINES = 'Take it out: each line of a log has its time, worker and stream.'
const NO_CONTAINER = 'Take it out: Holdfast runs programs of this machine, not containers.'
const NO_PID_FILE = 'Take it out: Holdfast knows its processes without pid files.'
const ONE_COMMAND = 'Program and arguments are one list: command: [node, app.js, --port, 8080].'
const SOCKET =
  'Declare the address at the top of the file (sockets: { http: tcp://0.0.0.0:8080 }), and name it in the service: sockets: [http].'
const PREPARE =
  'Make it a service with restart: { when: on-failure }, and wait for its end: dependsOn: { NAME: exited }.'

/** Lower case, without - and _. */
const SERVICE_KEYS: Readonly<Record<string, Advice>> = {
  // supervisord
  autorestart: (raw) => {
    const value = inYaml(raw)
    if (value === 'false') return 'Write restart: { when: never }.'
    if (value === 'unexpected') return 'Write restart: { when: on-failure }.'
    return 'Write restart: { when: always }, which is the default; or on-failure, or never.'
  },
  startsecs: seconds((time) => `ready: { delay: ${time} }`, '1s'),
  startretries: maxRetries,
  exitcodes: 'Write restart: { when: on-failure }; exit code 0 is the clean one.',
  stopsignal: signals,
  stopwaitsecs: seconds(stopTimeout, '10s'),
  stopasgroup: GROUP,
  killasgroup: GROUP,
  processname: 'The name of a service is its key: services: { NAME: { command: … } }.',
  priority: 'Write dependsOn: { db: ready } for the order of starts, nice: 5 for the priority of the process.',
  redirectstderr: 'Take it out: both streams go to the same log.',
  stdoutlogfile: outputFile('stdout'),
  stderrlogfile: outputFile('stderr'),
  stdoutlogfilemaxbytes: ROTATION,
  stderrlogfilemaxbytes: ROTATION,
  stdoutlogfilebackups: ROTATION,
  stderrlogfilebackups: ROTATION,
  // PM2
  name: 'The name of a service is its key: services: { NAME: { command: … } }.',
  args: ONE_COMMAND,
  interpreter: ONE_COMMAND,
  interpreterargs: ONE_COMMAND,
  nodeargs: ONE_COMMAND,
  execinterpreter: ONE_COMMAND,
  execmode: 'Take it out: instances: 4 runs four workers, and sockets: [http] lets them share a socket.',
  waitready: "Write ready: { ipc: true } for process.send('ready'), or ready: notify with the SDK.",
  listentimeout: millis((time) => `startTimeout: ${time}`, '30s'),
  killtimeout: millis(stopTimeout, '10s'),
  minuptime: millis((time) => `restart: { resetAfter: ${time} }`, '1s'),
  maxrestarts: maxRetries,
  restartdelay: millis((time) => `restart: { delay: ${time} }`, '1s'),
  expbackoffrestartdelay: millis((time) => `restart: { initial: ${time} }`, '100ms'),
  maxmemoryrestart: 'Restarts by memory (recycle: { maxMemory: 300MB }) are not available yet; take it out.',
  cronrestart: 'Restarts by the clock (recycle: { schedule: … }) are not available yet; take it out.',
  ignorewatch: 'Restarts when files change (watch) are not available yet; take it out.',
  shutdownwithmessage: 'Take it out: a worker is stopped by a signal; the SDK has worker.onStop.',
  treekill: GROUP,
  outfile: outputFile('stdout'),
  errorfile: outputFile('stderr'),
  logfile: outputFile('stdout'),
  logdateformat: LINES,
  mergelogs: LINES,
  combinelogs: LINES,
  pidfile: NO_PID_FILE,
  instancevar: 'Take it out: each worker finds its number in HOLDFAST_SLOT.',
  incrementvar: 'Take it out: each worker finds its number in HOLDFAST_SLOT.',
  // systemd
  type: (raw) =>
    plainValue(raw) === 'notify'
      ? 'Write ready: notify.'
      : 'Take it out: the command stays in the foreground, and must not make a daemon of itself.',
  execstartpre: PREPARE,
  execstartpost: PREPARE,
  execreload: 'Write reload: { command: … }, or reload: { signal: HUP }.',
  execstop: 'Write stop: { command: … }.',
  restartsec: seconds((time) => `restart: { delay: ${time} }`, '1s'),
  timeoutstartsec: seconds((time) => `startTimeout: ${time}`, '30s'),
  timeoutstopsec: seconds(stopTimeout, '10s'),
  timeoutsec: seconds((time) => `startTimeout: ${time}, and stop: { timeout: ${time} }`, '30s'),
  killsignal: signals,
  killmode: GROUP,
  restartpreventexitstatus: (raw) => `Write restart: { unrecoverable: [${number(raw, 78)}] }.`,
  startlimitburst: maxRetries,
  startlimitinterval: 'Take it out: restart: { maxRetries: 5 } counts failures in a row.',
  startlimitintervalsec: 'Take it out: restart: { maxRetries: 5 } counts failures in a row.',
  watchdogsec: seconds((time) => `heartbeat: { timeout: ${time} }`, '10s'),
  after: ORDER,
  before: ORDER,
  requires: ORDER,
  wants: ORDER,
  bindsto: ORDER,
  partof: ORDER,
  needs: ORDER,
  wantedby: 'Take it out: a service starts with the supervisor unless it says autostart: false.',
  memorymax: LATER_MEMORY,
  memorylimit: LATER_MEMORY,
  standardoutput: outputFile('stdout'),
  standarderror: outputFile('stderr'),
  // Compose, and what people write first
  stopgraceperiod: seconds(stopTimeout, '10s'),
  healthcheck: 'Write ready: { http: "http://127.0.0.1:8080/health" }, or { tcp: 8080 }, or { exec: … }.',
  image: NO_CONTAINER,
  build: NO_CONTAINER,
  volumes: NO_CONTAINER,
  networks: NO_CONTAINER,
  containername: NO_CONTAINER,
  listen: SOCKET,
  bind: SOCKET,
  address: SOCKET,
  port: SOCKET,
  ports: SOCKET,
  expose: SOCKET,
}

const TOP_KEYS: Readonly<Record<string, Advice>> = {
  version: 'Take it out: a config has no version.',
  program: 'Write services: { NAME: { command: … } }.',
  service: 'Write services: { NAME: { command: … } }.',
  app: 'Write services: { NAME: { command: … } }.',
  supervisord: 'Take it out; name, logDir, stateDir and runtimeDir stand at the top of the file.',
  supervisorctl: 'Take it out: commands find the supervisor by its config.',
  inethttpserver: 'Take it out: control over TCP (control.http) is not available yet.',
  rpcinterface: 'Take it out.',
  pidfile: NO_PID_FILE,
  logfile: 'Write logDir: log; the log of the supervisor is holdfast.log in it.',
  nodaemon: 'Take it out: holdfast up stays in the foreground, holdfast up --detach goes to the background.',
  daemon: 'Take it out: holdfast up stays in the foreground, holdfast up --detach goes to the background.',
  daemonize: 'Take it out: holdfast up stays in the foreground, holdfast up --detach goes to the background.',
}
