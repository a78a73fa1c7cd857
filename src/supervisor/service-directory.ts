import { chownSync, mkdirSync } from 'node:fs'

/** `<runtimeDir>/svc/<name>`: 0700, of the service's user. @throws ENOENT where `svc` is gone */
export function makeServiceDirectory(path: string, owner: { uid: number; gid: number } | null): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (owner !== null) chownSync(path, owner.uid, owner.gid)
}
