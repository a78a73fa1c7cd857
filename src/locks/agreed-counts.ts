// How many slots and places a lock has is the same for all who contend for it: each of them says so as long as it is there.
import { readFile } from 'node:fs/promises'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { tryLockDescriptor } from '../os/flock-descriptor.ts'
import { closeQuietly, createOnce, type LockDirectory, replaceBy } from './lock-directory.ts'
import type { LockHolder } from './lock-provider.ts'

export interface LockCounts {
  readonly mains: number
  readonly standbys: number
}

/** Milliseconds. */
const LOOK_AGAIN = 10
const PATIENCE = 5_000

/**
 * What was agreed before counts while another one who contends is there, or what it has left behind holds a slot or a place.
 * @returns an fd that says that we are there, until it is closed @throws HoldfastError HF_LOCK_SLOTS
 */
export async function agreeOnCounts(directory: LockDirectory, { mains, standbys }: LockCounts): Promise<number> {
  const own = `mains: ${mains}, standbys: ${standbys}`
  const file = directory.file('slots')
  const agreed = async (): Promise<string> => (await readFile(file, 'latin1')).trim()
  const fd = await directory.openContenders()
  try {
    await createOnce(file, `${own}\n`)
    for (const began = performance.now(); ; await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN))) {
      // Nobody else is there, and nobody comes as long as we have it.
      if (tryLockDescriptor(fd)) {
        const found = await agreed()
        const holders = found === own ? [] : await directory.holders()
        if (holders.length > 0) throw refusal(directory, { own, found, holders })
        if (found !== own) await replaceBy(file, `${own}\n`)
      }
      // Between the two locks another one may come, and have its way.
      if (tryLockDescriptor(fd, 'shared')) {
        const found = await agreed()
        if (found === own) return fd
        throw refusal(directory, { own, found, holders: await directory.contenders() })
      }
      if (performance.now() - began > PATIENCE)
        throw new Error(`${directory.path} is being prepared by somebody who hangs`)
    }
  } catch (error) {
    closeQuietly(fd)
    throw error
  }
}

function refusal(
  { path: dir }: LockDirectory,
  { own, found, holders }: { own: string; found: string; holders: readonly LockHolder[] },
): Error {
  const others = holders.filter(({ pid }) => pid !== process.pid)
  const named = (others.length > 0 ? others : holders).map(({ pid, command }) => `pid ${pid} (${command})`).join(', ')
  return new HoldfastError('HF_LOCK_SLOTS', { dir, found: found.slice(0, 40), own, holders: named })
}
