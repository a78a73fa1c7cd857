// Who holds a lock file. /proc/locks names the process that called flock(2), which is long dead here: it was flock(1). The lock
// lives in the open file, and /proc/<pid>/fdinfo says so of every process that has it.
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { describe } from '../os/process-identity.ts'
import type { LockHolder } from './lock-provider.ts'

const AT_ONCE = 16

/** Every process that holds a lock on the file at `path`, as far as we may look. Takes some milliseconds per hundred processes. */
export async function holdersOf(path: string): Promise<LockHolder[]> {
  const file = await stat(path).catch(() => null)
  // The inode alone: some file systems (overlay, btrfs) show another device number in /proc/locks.
  if (file === null || !(await isLockedInode(file.ino))) return []
  // As /proc/<pid>/fd names it, whatever links lead there.
  const real = await realpath(path).catch(() => path)
  const found: LockHolder[] = []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const next = async (): Promise<void> => {
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      if (!(await holds(pid, real))) continue
      found.push({ pid: Number(pid), command: describe(Number(pid))?.command ?? '' })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return found.sort((a, b) => a.pid - b.pid)
}

async function isLockedInode(inode: number): Promise<boolean> {
  // 12: FLOCK  ADVISORY  WRITE 4711 00:1a:98765 0 EOF. One that waits has `->` before FLOCK.
  const locks = await readFile('/proc/locks', 'latin1').catch(() => '')
  return new RegExp(`^\\d+: FLOCK\\s+\\w+\\s+\\w+\\s+-?\\d+\\s+\\w+:\\w+:${inode}\\s`, 'm').test(locks)
}

async function holds(pid: string, path: string): Promise<boolean> {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const fd of fds) {
    if ((await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')) !== path) continue
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1').catch(() => '')
    if (/^lock:\s.*\bFLOCK\b/m.test(info)) return true
  }
  return false
}
