// How a service's command line becomes the program that is executed: who it runs as, its limits, where it is found.
import { existsSync } from 'node:fs'
import type { ServiceSpec } from '../config/effective.ts'
import { CAP_SYS_CHROOT, hasCapability } from '../os/capabilities.ts'
import { findCommand } from '../os/command-path.ts'
import { CHROOT, execChain } from '../os/exec-chain.ts'
import { type Group, lookupGroup, lookupUser, type User } from '../os/users.ts'
import type { ForkUser } from '../wire/fork-messages.ts'

export interface Executable {
  readonly file: string
  readonly argv: readonly string[]
}

export interface ExecutableOptions {
  /** LISTEN_PID is to be its pid. */
  readonly listenPid: boolean
  /** PATH of the environment. */
  readonly path: string | undefined
  /** `NAME=value` of variables whose names a shell can not spell and drops: they travel as arguments of `env`. */
  readonly shellUnsafe: readonly string[]
  /** Default: findCommand itself. */
  readonly find?: typeof findCommand
}

/** @throws OsError when the command is not found or not executable; Error for an unknown user or group */
export function executableFor(
  spec: ServiceSpec,
  command: readonly string[],
  { listenPid, path, shellUnsafe, find = findCommand }: ExecutableOptions,
): Executable {
  const [program = '', ...rest] = command
  const file = find(program, path, spec.cwd)
  const { umask, nice, limits } = spec
  const settings = { ...identityOf(spec), umask, nice, limits, listenPid, byChroot: mayChroot() }
  return execChain(settings, [file, ...rest], shellUnsafe)
}

/** Whom the service's own files belong to, null: us. */
export function ownerOf(spec: ServiceSpec): { uid: number; gid: number } | null {
  const { user, group } = identityOf(spec)
  if (user === null && group === null) return null
  return { uid: user?.uid ?? process.getuid?.() ?? 0, gid: group?.gid ?? user?.gid ?? process.getgid?.() ?? 0 }
}

/** Whom a process that is forked elsewhere has to become; null: it is who we are. */
export function forkUserOf(spec: ServiceSpec): ForkUser | null {
  const { user, group } = identityOf(spec)
  if (user !== null) return { uid: user.uid, gid: group?.gid ?? user.gid, groups: user.groups }
  return group === null ? null : { gid: group.gid, groups: [] }
}

/** systemd's rule: programs that use select(2) break beyond 1,024, and Node raised our own soft limit to the hard one. */
export function softNoFile(spec: ServiceSpec, hard: number): number | null {
  return spec.limits.nofile === undefined ? Math.min(1_024, hard) : null
}

/** As a login sets them: without them a program of another user writes into the supervisor's home. */
export function accountEnvironment(spec: ServiceSpec): Record<string, string> {
  const { account } = identityOf(spec)
  return account === null ? {} : { USER: account.name, LOGNAME: account.name, HOME: account.home }
}

interface Identity {
  /** As the config names it. */
  readonly account: User | null
  /** Whom a process has to become. */
  readonly user: User | null
  readonly group: Group | null
}

const identities = new WeakMap<ServiceSpec, Identity>()

/** Looked up once for a spec: behind the name service there may be a server, and a restart must not wait for it. */
function identityOf(spec: ServiceSpec): Identity {
  const known = identities.get(spec)
  if (known !== undefined) return known
  const account = accountOf(spec)
  const found = { account, user: toBecome(account), group: groupOf(spec) }
  identities.set(spec, found)
  return found
}

let chrootAllowed: boolean | null = null

function mayChroot(): boolean {
  chrootAllowed ??= hasCapability(CAP_SYS_CHROOT) && existsSync(CHROOT)
  return chrootAllowed
}

function accountOf({ user }: ServiceSpec): User | null {
  if (user === null) return null
  const found = lookupUser(user)
  if (found === null) throw new Error(`there is no user ${user}`)
  return found
}

/** Null also for ourselves as an ordinary user: only root may set the groups that a change of user brings. */
function toBecome(account: User | null): User | null {
  return account === null || (account.uid === process.getuid?.() && account.uid !== 0) ? null : account
}

function groupOf({ group }: ServiceSpec): Group | null {
  if (group === null) return null
  const found = lookupGroup(group)
  if (found === null) throw new Error(`there is no group ${group}`)
  return found.gid === process.getgid?.() && process.getuid?.() !== 0 ? null : found
}
