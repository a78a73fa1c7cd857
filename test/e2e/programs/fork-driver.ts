// Stands in for the supervisor: starts a forkserver over plain pipes, adopts its workers (a child subreaper: no test may be one),
// and tells of every death. Lines of JSON in, lines of JSON out; at the end of its input it kills what it has.
import { closeSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { closeFd } from '../../../src/os/close-fd.ts'
import { openListener } from '../../../src/os/listen.ts'
import { openPipe } from '../../../src/os/pipe.ts'
import { ChildReaper } from '../../../src/os/reap.ts'
import { spawnProcess } from '../../../src/os/spawn.ts'

interface Spec {
  /** Absolute path of the runtime, then its arguments. */
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly stdout: string
  readonly stderr: string
  readonly sockets: number
}

const spec = JSON.parse(process.argv[2] ?? '') as Spec
const children = new Set<number>()
let ending = false

const tell = (event: object): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}
const leaveWhenAlone = (): void => {
  if (ending && children.size === 0) process.exit(0)
}
new ChildReaper('subreaper', (pid, { code, signal }) => {
  children.delete(pid)
  tell({ exit: { pid, code, signal } })
  leaveWhenAlone()
})

const listeners = Array.from({ length: spec.sockets }, () =>
  openListener({
    listen: { family: 'tcp4', host: '127.0.0.1', port: 0 },
    backlog: 128,
    mode: null,
    user: null,
    group: null,
    nonblocking: false,
    v6only: true,
  }),
)
const [commands, status] = [openPipe(), openPipe()]
const files = [openSync('/dev/null', 'r'), openSync(spec.stdout, 'a'), openSync(spec.stderr, 'a')]
const fds = [...files, ...listeners.map(({ fd }) => fd), commands.read, status.write]
const [program = ''] = spec.command
const forkserver = spawnProcess({
  file: program,
  argv: spec.command,
  env: Object.entries({
    ...spec.env,
    HOLDFAST_FORK_COMMANDS: String(fds.length - 2),
    HOLDFAST_FORK_STATUS: String(fds.length - 1),
  }).map(([name, value]) => `${name}=${value}`),
  cwd: spec.cwd,
  fds,
  session: true,
  softNoFile: null,
})
children.add(forkserver)
for (const fd of files) closeSync(fd)
for (const fd of [commands.read, status.write]) closeFd(fd)
tell({ forkserver, ports: listeners.map(({ address }) => ('port' in address ? address.port : 0)) })

const answers = new Socket({ fd: status.read, readable: true, writable: false })
createInterface({ input: answers }).on('line', (answer) => {
  const pid = (JSON.parse(answer) as { started?: { pid: number } }).started?.pid
  if (pid !== undefined) children.add(pid)
  tell({ answer })
})

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { say, hangUp } = JSON.parse(line) as { say?: string; hangUp?: true }
    if (say !== undefined) writeSync(commands.write, say)
    if (hangUp) closeFd(commands.write)
  })
  .on('close', () => {
    ending = true
    for (const pid of children) kill(pid)
    leaveWhenAlone()
  })

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended of itself, and we are about to hear of it.
  }
}
