// What posix_spawn cannot set is set by small programs that execute each other in the same process: limits and nice
// first, while we may still raise them, then the user, then the shell that knows its own pid.

export interface ChainLimit {
  /** null: unlimited. */
  readonly soft: number | null
  readonly hard: number | null
}

export interface ExecChainOptions {
  /** As lookupUser returns it; null keeps ours. Only root may change it. */
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] } | null
  /** As lookupGroup returns it; null: the user's own group, or ours. */
  readonly group: { readonly gid: number } | null
  readonly umask: number | null
  /** Added to our own; 0 is none. */
  readonly nice: number
  /** By the names of prlimit(1): nofile, core, as, nproc, … */
  readonly limits: Readonly<Record<string, ChainLimit>>
  /** LISTEN_PID is the pid of the program, which nobody knows before it is there. */
  readonly listenPid: boolean
  /**
   * Whether chroot(8) may be used to change the user, without changing the root: it costs 0.7 ms where setpriv(1) takes 1.2,
   * and needs CAP_SYS_CHROOT.
   */
  readonly byChroot: boolean
}

const PRLIMIT = '/usr/bin/prlimit'
const NICE = '/usr/bin/nice'
const SETPRIV = '/usr/bin/setpriv'
export const CHROOT = '/usr/sbin/chroot'
const SHELL = '/bin/sh'
const ENV = '/usr/bin/env'

/** Limits that prlimit(1) knows. */
export const LIMIT_NAMES: readonly string[] = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

/**
 * The program to spawn for `command` (an absolute path and its arguments): itself if nothing is asked for.
 * `dottedEnv` are the variables (`a.b=c`) whose names a shell would drop: where a shell is in the chain they travel as
 * arguments of env. They must be in the spawn's environment as well, for the case that there is none.
 */
export function execChain(
  options: ExecChainOptions,
  command: readonly string[],
  dottedEnv: readonly string[],
): { file: string; argv: string[] } {
  const argv = [
    ...limitsPart(options.limits),
    ...(options.nice === 0 ? [] : [NICE, '-n', String(options.nice)]),
    ...userPart(options),
    ...shellPart(options, command, dottedEnv),
    ...command,
  ]
  return { file: argv[0] ?? '', argv }
}

/** Whether dash keeps a variable of that name. */
export function isShellVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
}

function limitsPart(limits: Readonly<Record<string, ChainLimit>>): string[] {
  const settings = Object.entries(limits)
  if (settings.length === 0) return []
  return [
    PRLIMIT,
    ...settings.map(([name, { soft, hard }]) => `--${name}=${soft ?? 'unlimited'}:${hard ?? 'unlimited'}`),
  ]
}

function userPart({ user, group, byChroot }: ExecChainOptions): string[] {
  if (user !== null) {
    // The user's groups are those of the user database, its own primary group included, whatever `group` says.
    const gid = group?.gid ?? user.gid
    if (!byChroot) return [SETPRIV, `--reuid=${user.uid}`, `--regid=${gid}`, '--init-groups']
    // With the + nothing is looked up. It is the root that it has already; without --skip-chdir it would go there.
    const groups = user.groups.map((id) => `+${id}`).join()
    return [CHROOT, `--userspec=+${user.uid}:+${gid}`, `--groups=${groups}`, '--skip-chdir', '/']
  }
  // A process that is moved to another group does not keep root's further ones.
  return group === null ? [] : [SETPRIV, `--regid=${group.gid}`, '--clear-groups']
}

function shellPart(
  { umask, listenPid }: ExecChainOptions,
  command: readonly string[],
  dottedEnv: readonly string[],
): string[] {
  if (umask === null && !listenPid) return []
  const setUmask = umask === null ? '' : `umask ${umask.toString(8).padStart(3, '0')}; `
  if (dottedEnv.length === 0) {
    return [SHELL, '-c', `${setUmask}${listenPid ? 'export LISTEN_PID=$$; ' : ''}exec "$@"`, 'sh']
  }
  // env would take a command with = in its path for a variable; nice -n 0 stands between and changes nothing.
  const between = command[0]?.includes('=') === true ? [NICE, '-n', '0'] : []
  const script = `${setUmask}exec ${ENV} ${listenPid ? 'LISTEN_PID=$$ ' : '-- '}"$@"`
  return [SHELL, '-c', script, 'sh', ...dottedEnv, ...between]
}
