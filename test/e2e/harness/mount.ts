// File systems of a scene's own; root only. They are unmounted when the scene has ended.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { isInstalled, isRoot } from './requirement.ts'
import type { Scene } from './scene.ts'

/** @param name of a directory in the scene @returns the unmounting, for who wants it earlier */
export function mountTmpfs(scene: Scene, name: string, options: string): () => void {
  return mountOn(scene, name, ['-t', 'tmpfs', '-o', options, 'holdfast-test'])
}

/** A small ext4, in a file of the scene. */
export function mountExt4(scene: Scene, name: string): () => void {
  const image = scene.path(`${name}.image`)
  execFileSync('truncate', ['-s', '32M', image])
  execFileSync('mkfs.ext4', ['-q', image])
  return mountOn(scene, name, ['-o', 'loop', image])
}

/** The kernel gives up the last files of a process after its end is told: a moment of "target is busy" is no fault. */
const UNMOUNT = 'tries=0; until umount "$1"; do tries=$((tries + 1)); [ "$tries" -lt 50 ] || exit 1; sleep 0.1; done'

function mountOn(scene: Scene, name: string, args: readonly string[]): () => void {
  const directory = scene.path(name)
  mkdirSync(directory, { recursive: true })
  execFileSync('mount', [...args, directory])
  let mounted = true
  const unmount = (): void => {
    if (mounted) execFileSync('sh', ['-c', UNMOUNT, 'sh', directory], { stdio: ['ignore', 'ignore', 'pipe'] })
    mounted = false
  }
  scene.beforeRemoval(unmount)
  return unmount
}

/** From now on every write to that file system waits, in the kernel, until the returned function is called. */
export function freeze(directory: string): () => void {
  // Should this process be killed: a file system that stays frozen hangs whoever calls sync.
  const rescue = ['-c', 'sleep 50; fsfreeze -u "$1"', 'sh', directory]
  const watchdog = spawn('sh', rescue, { stdio: 'ignore', detached: true })
  watchdog.unref()
  execFileSync('fsfreeze', ['-f', directory])
  let frozen = true
  const thaw = (): void => {
    if (!frozen) return
    frozen = false
    execFileSync('fsfreeze', ['-u', directory])
    if (watchdog.pid !== undefined) process.kill(-watchdog.pid, 'SIGKILL')
  }
  onTestFinished(thaw)
  return thaw
}

/** Whether this machine lets us mount an image, and freeze it. */
export function canFreeze(): boolean {
  return isRoot && existsSync('/dev/loop-control') && ['mkfs.ext4', 'fsfreeze'].every(isInstalled)
}
