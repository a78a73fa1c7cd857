import { fstatSync, statSync } from 'node:fs'
import { type HeldLock, lockFile } from '../os/file-lock.ts'

/** The lock of a runtime directory. Its file can be removed under us: then the lock is there no more for anybody else. */
export class SupervisorLock implements HeldLock {
  private readonly path: string
  private held: HeldLock

  /** Null when somebody else holds it. */
  static take(path: string): SupervisorLock | null {
    const held = lockFile(path)
    return held === null ? null : new SupervisorLock(path, held)
  }

  private constructor(path: string, held: HeldLock) {
    this.path = path
    this.held = held
  }

  get fd(): number {
    return this.held.fd
  }

  /** Whether whoever comes now would meet the lock that we hold. */
  isInPlace(): boolean {
    const named = statSync(this.path, { throwIfNoEntry: false })
    const ours = fstatSync(this.held.fd)
    return named !== undefined && named.ino === ours.ino && named.dev === ours.dev
  }

  /** False: somebody else was there first. */
  retake(): boolean {
    if (this.isInPlace()) return true
    const anew = lockFile(this.path)
    if (anew === null) return false
    this.held.release()
    this.held = anew
    return true
  }

  release(): void {
    this.held.release()
  }
}
