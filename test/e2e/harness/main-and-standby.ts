// A service with main and standby in a scene, and what its workers have written down.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { PROGRAMS, type Scene } from './scene.ts'

export const command = [process.execPath, join(PROGRAMS, 'main.mjs')]

export interface Promotion {
  readonly pid: number
  readonly slot: number
  readonly token: string
}

export function promotions(scene: Scene): Promotion[] {
  const lines = scene.read('promotions.txt').trimEnd().split('\n').filter(Boolean)
  return lines.map((line) => {
    const [, pid, slot, token, own] = line.split(' ')
    expect(own).toBe(token)
    return { pid: Number(pid), slot: Number(slot), token: String(token) }
  })
}

export const roles = async (scene: Scene): Promise<string[]> =>
  (await scene.service('db')).workers.map(({ role, ready }) => `${role}${ready ? '' : ' (not ready)'}`).toSorted()

export function configure(scene: Scene, slots: object = {}, more: object = {}): void {
  scene.configure({ services: { db: { command, cwd: scene.dir, ready: 'notify', slots, ...more } } })
}

/** What waits for a main slot in the kernel, whether its supervisor lives or not. */
export function waitingShells(scene: Scene): number {
  // Each leads a session; its fork that is about to become flock(1) has its name, and does not.
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && leadsSession(name))
  const commands = pids.map((pid) => commandOf(pid).split('\0'))
  return commands.filter((words) => {
    const [how, kind] = words.slice(words.indexOf('holdfast-lock') + 1)
    const isOurs = words.some((word) => word.startsWith(scene.dir))
    return words.includes('holdfast-lock') && isOurs && how === 'wait' && kind === 'slot'
  }).length
}

function leadsSession(pid: string): boolean {
  try {
    const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return session === pid
  } catch {
    return false
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

export async function mainOf(scene: Scene): Promise<number> {
  return (await scene.service('db')).workers.find(({ role }) => role === 'main')?.pid ?? 0
}
