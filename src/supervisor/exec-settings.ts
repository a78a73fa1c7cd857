// How a service's command line becomes the program that is executed: who it runs as, its limits, where it is found.
import type { ServiceSpec } from '../config/effective.ts'
import { findCommand } from '../os/command-path.ts'
import { execChain, isShellVariableName } from '../os/exec-chain.ts'
import { type Group, lookupGroup, lookupUser, type User } from '../os/users.ts'

export interface Executable {
  readonly file: string
  readonly argv: readonly string[]
}

/** @throws OsError when the command is not found or not executable; Error for an unknown user or group */
export function executableFor(
  spec: ServiceSpec,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  options: { readonly listenPid: boolean },
): Executable {
  const [program = '', ...rest] = command
  const path = findCommand(program, environment.PATH, spec.cwd)
  const { umask, nice, limits } = spec
  const settings = { user: userOf(spec), group: groupOf(spec), umask, nice, limits, listenPid: options.listenPid }
  return execChain(settings, [path, ...rest], shellUnsafe(environment))
}

/** Whom the service's own files belong to, null: us. */
export function ownerOf(spec: ServiceSpec): { uid: number; gid: number } | null {
  const user = userOf(spec)
  const group = groupOf(spec)
  if (user === null && group === null) return null
  return { uid: user?.uid ?? process.getuid?.() ?? 0, gid: group?.gid ?? user?.gid ?? process.getgid?.() ?? 0 }
}

/** systemd's rule: programs that use select(2) break beyond 1,024, and Node raised our own soft limit to the hard one. */
export function softNoFile(spec: ServiceSpec, hard: number): number | null {
  return spec.limits.nofile === undefined ? Math.min(1_024, hard) : null
}

/** Null also for ourselves as an ordinary user: only root may set the groups that a change of user brings. */
function userOf({ user }: ServiceSpec): User | null {
  if (user === null) return null
  const found = lookupUser(user)
  if (found === null) throw new Error(`there is no user ${user}`)
  return found.uid === process.getuid?.() && found.uid !== 0 ? null : found
}

function groupOf({ group }: ServiceSpec): Group | null {
  if (group === null) return null
  const found = lookupGroup(group)
  if (found === null) throw new Error(`there is no group ${group}`)
  return found.gid === process.getgid?.() && process.getuid?.() !== 0 ? null : found
}

/** A shell drops variables whose names it can not spell; they travel as arguments of `env`. */
function shellUnsafe(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment)
    .filter(([name]) => !isShellVariableName(name))
    .map(([name, value]) => `${name}=${value}`)
}
