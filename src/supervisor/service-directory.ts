import { chownSync, mkdirSync } from 'node:fs'

/** `<runtimeDir>/svc/<name>`: 0700, of the service's user. */
export function makeServiceDirectory(path: string, owner: { uid: number; gid: number } | null): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (owner !== null) chownSync(path, owner.uid, owner.gid)
}
