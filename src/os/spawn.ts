// posix_spawn: memory is shared until exec, so that a start costs the same however large the supervisor is
// (libuv's spawn forks: 1.2 ms, and 6.5 ms with 80 MB of heap).
import { accessSync, closeSync, constants as fsConstants, openSync, readSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { CStringArray } from './c-strings.ts'
import { closeInheritedOnExec } from './close-on-exec.ts'
import { libcFunction, libcFunctionInThread } from './libc.ts'
import { setSoftNoFile } from './limits.ts'
import { checked, OsError } from './os-error.ts'

export interface SpawnOptions {
  /** Path of the program; relative to `cwd`. Not searched in PATH. */
  readonly file: string
  readonly argv: readonly string[]
  /** `NAME=value` */
  readonly env: readonly string[]
  /** null: ours. */
  readonly cwd: string | null
  /** `fds[i]` becomes fd i of the child, -1 leaves i closed. Nothing else is open in the child: all our fds are close-on-exec. */
  readonly fds: readonly number[]
  /** `true`: a session, and so a process group, of its own; `group`: a process group of its own in our session; `false`: neither. */
  readonly session: boolean | 'group'
  /**
   * Soft limit of open files for the child (at most our hard one), null: ours. It is ours for the time of the spawn: an
   * open() of another thread fails with EMFILE then, if we have more than that open.
   */
  readonly softNoFile: number | null
}

const POSIX_SPAWN_SETPGROUP = 0x02
const POSIX_SPAWN_SETSIGDEF = 0x04
const POSIX_SPAWN_SETSIGMASK = 0x08
const POSIX_SPAWN_SETSID = 0x80
const F_DUPFD_CLOEXEC = 1030

// glibc: posix_spawnattr_t has 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
const ATTRIBUTES_SIZE = 512
const ACTIONS_SIZE = 256
const SIGSET_SIZE = 128

const attrInit = libcFunction<[Buffer], number>('int posix_spawnattr_init(void *attr)')
const attrSetFlags = libcFunction<[Buffer, number], number>('int posix_spawnattr_setflags(void *attr, short flags)')
const attrSetSigDefault = libcFunction<[Buffer, Buffer], number>(
  'int posix_spawnattr_setsigdefault(void *attr, void *set)',
)
const attrSetSigMask = libcFunction<[Buffer, Buffer], number>('int posix_spawnattr_setsigmask(void *attr, void *set)')
const actionsInit = libcFunction<[Buffer], number>('int posix_spawn_file_actions_init(void *actions)')
const actionsDestroy = libcFunction<[Buffer], number>('int posix_spawn_file_actions_destroy(void *actions)')
const addDup2 = libcFunction<[Buffer, number, number], number>(
  'int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)',
)
const addClose = libcFunction<[Buffer, number], number>('int posix_spawn_file_actions_addclose(void *actions, int fd)')
const addChdir = libcFunction<[Buffer, string], number>(
  'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
)
type SpawnArguments = [pid: Buffer, path: string, actions: Buffer, attributes: Buffer, argv: Buffer, envp: Buffer]
const POSIX_SPAWN = 'int posix_spawn(void *pid, const char *path, void *actions, void *attr, void *argv, void *envp)'
const posixSpawn = libcFunction<SpawnArguments, number>(POSIX_SPAWN)
const posixSpawnInThread = libcFunctionInThread<SpawnArguments, number>(POSIX_SPAWN)
const fcntl = libcFunction<[number, number, number], number>('int fcntl(int fd, int command, long argument)')

// Made once, and never given back: the attributes have no allocation behind them.
const attributesBySession = new Map<SpawnOptions['session'], Buffer>()
let inheritedAreClosed = false

/** The memory of one spawn under way. Used again: to make it anew costs as much as a small spawn, and the collector's work. */
class SpawnCall {
  readonly #argv = new CStringArray()
  readonly #env = new CStringArray()
  readonly #actions = Buffer.alloc(ACTIONS_SIZE)
  readonly #pid = Buffer.alloc(4)
  readonly #lifted: number[] = []

  /** Followed by `end`, in any case. */
  begin(options: SpawnOptions): SpawnArguments {
    actionsInit(this.#actions)
    if (!inheritedAreClosed) closeInheritedOnExec()
    inheritedAreClosed = true
    const argv = this.#argv.fill(options.argv, 'spawn')
    const env = this.#env.fill(options.env, 'spawn')
    addFileActions(this.#actions, options, this.#lifted)
    return [this.#pid, options.file, this.#actions, attributesFor(options.session), argv, env]
  }

  get pid(): number {
    return this.#pid.readInt32LE(0)
  }

  end(): void {
    actionsDestroy(this.#actions)
    for (const fd of this.#lifted.splice(0)) closeSync(fd)
  }
}

const callHere = new SpawnCall()
const idleCalls: SpawnCall[] = []

/**
 * Starts a program and returns its pid: signals at their defaults, none blocked, exactly the given fds. Throws OsError if
 * it could not be started (ENOENT, EACCES, ENOEXEC, E2BIG, EAGAIN …).
 *
 * It returns in the middle of the exec: for some microseconds the child's command line and environment in /proc are
 * empty, and copies of our other fds are open in it (a lock that we release right now is not free yet).
 */
export function spawnProcess(options: SpawnOptions): number {
  try {
    const call = callHere.begin(options)
    const error = limited(options.softNoFile, () => posixSpawn(...call))
    if (error !== 0) throw spawnError(options, error)
    return callHere.pid
  } finally {
    callHere.end()
  }
}

/**
 * As spawnProcess, while this thread goes on: a spawn waits for the exec, and takes half of a start. The limit of open files is
 * the caller's to set (`softNoFile` is not looked at), and `fds` are to stay open until it calls back. Its child may die and be
 * seen in /proc before.
 */
export function spawnInThread(options: SpawnOptions, onDone: (result: number | OsError) => void): void {
  const call = idleCalls.pop() ?? new SpawnCall()
  const done = (result: number | OsError): void => {
    call.end()
    idleCalls.push(call)
    onDone(result)
  }
  let args: SpawnArguments
  try {
    args = call.begin(options)
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    return done(error)
  }
  posixSpawnInThread(args, (error) => done(error === 0 ? call.pid : spawnError(options, error)))
}

function attributesFor(session: SpawnOptions['session']): Buffer {
  let attributes = attributesBySession.get(session)
  if (attributes === undefined) {
    attributes = makeAttributes(session === 'group' ? POSIX_SPAWN_SETPGROUP : session ? POSIX_SPAWN_SETSID : 0)
    attributesBySession.set(session, attributes)
  }
  return attributes
}

/** @param flags with POSIX_SPAWN_SETPGROUP: the group of the attributes is 0, so one that the child leads */
function makeAttributes(flags: number): Buffer {
  const attributes = Buffer.alloc(ATTRIBUTES_SIZE)
  attrInit(attributes)
  // Node ignores SIGPIPE and SIGXFSZ, and what is ignored stays so over exec. All bits, filled by hand: sigfillset()
  // leaves out the two signals that glibc keeps for itself, and posix_spawn would make the child ignore them.
  attrSetSigDefault(attributes, Buffer.alloc(SIGSET_SIZE, 0xff))
  attrSetSigMask(attributes, Buffer.alloc(SIGSET_SIZE))
  attrSetFlags(attributes, flags | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK)
  return attributes
}

function addFileActions(actions: Buffer, options: SpawnOptions, lifted: number[]): void {
  const { fds, cwd } = options
  for (const [target, source] of fds.entries()) {
    if (source === -1) addAction(addClose(actions, target))
    // A source below the number of targets may be overwritten before its turn: use a copy above them.
    // (From itself to itself is fine: glibc clears close-on-exec then.)
    else
      addAction(
        addDup2(actions, source < fds.length && source !== target ? lift(source, fds.length, lifted) : source, target),
      )
  }
  if (cwd !== null) addAction(addChdir(actions, cwd))
}

function lift(source: number, above: number, lifted: number[]): number {
  const fd = checked(fcntl(source, F_DUPFD_CLOEXEC, above), 'fcntl F_DUPFD', `fd ${source}`)
  lifted.push(fd)
  return fd
}

function addAction(error: number): void {
  if (error !== 0) throw new OsError('posix_spawn_file_actions', error)
}

/** The child inherits the limit of the moment; nothing else runs in this thread meanwhile. */
function limited(soft: number | null, spawn: () => number): number {
  if (soft === null) return spawn()
  const setBack = setSoftNoFile(soft)
  try {
    return spawn()
  } finally {
    setBack()
  }
}

/** posix_spawn has one error number for whatever failed on the way: find out which it was. */
function spawnError(options: SpawnOptions, error: number): OsError {
  const { ENOENT, EACCES, ENOTDIR, EBADF } = constants.errno
  const { file, cwd } = options
  if (cwd !== null && (error === ENOENT || error === EACCES || error === ENOTDIR) && !isSearchable(cwd)) {
    return new OsError('chdir', error, { subject: cwd })
  }
  if (error === ENOENT && (cwd === null || file.startsWith('/'))) {
    const interpreter = interpreterOf(file)
    if (interpreter !== null) {
      return new OsError('spawn', error, {
        subject: file,
        explanation: `its interpreter ${interpreter} does not exist`,
      })
    }
  }
  if (error === EBADF)
    return new OsError('spawn', error, {
      subject: file,
      explanation: `one of the fds ${options.fds.join(', ')} is not open`,
    })
  return new OsError('spawn', error, { subject: file })
}

function isSearchable(directory: string): boolean {
  try {
    accessSync(directory, fsConstants.X_OK)
    return statSync(directory).isDirectory()
  } catch {
    return false
  }
}

function interpreterOf(file: string): string | null {
  try {
    const fd = openSync(file, 'r')
    try {
      const head = Buffer.alloc(256)
      const text = head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0))
      return /^#![ \t]*([^ \t\n]+)/.exec(text)?.[1] ?? null
    } finally {
      closeSync(fd)
    }
  } catch {
    return null
  }
}
