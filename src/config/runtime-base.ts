// Where the runtime directories and the pointers to running supervisors lie. No heavy imports: the commands that must be
// quick use this too.
import { basename, dirname, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** `<base>`: `/run/holdfast` for root, `$XDG_RUNTIME_DIR/holdfast`, else `/tmp/holdfast-<uid>`. */
export function runtimeBase(environment: Environment, uid: number): string {
  if (uid === 0) return '/run/holdfast'
  const userDirectory = environment.XDG_RUNTIME_DIR
  // Relative ones are to be ignored (XDG Base Directory Specification).
  return userDirectory?.startsWith('/') ? join(userDirectory, 'holdfast') : `/tmp/holdfast-${uid}`
}

/** Every directory in which a pointer may have been left, the own `<base>` first. */
export function pointerBases(environment: Environment, uid: number): readonly string[] {
  return [
    ...new Set([runtimeBase(environment, uid), '/run/holdfast', `/run/user/${uid}/holdfast`, `/tmp/holdfast-${uid}`]),
  ]
}

/** The default of `runtimeDir`. */
export function defaultRuntimeDir(environment: Environment, uid: number, name: string): string {
  return join(runtimeBase(environment, uid), name)
}

/** The default of `name`: that of the directory, reduced to what a name may contain; `holdfast` where nothing is left. */
export function defaultName(configFile: string): string {
  const plain = basename(dirname(configFile))
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z]+|-+$/g, '')
    .slice(0, 63)
  // `<base>/by-config` holds the pointers.
  return plain === '' || plain === 'by-config' ? 'holdfast' : plain
}
