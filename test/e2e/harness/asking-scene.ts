// A program whose workers ask their server for sockets (programs/library/on-demand.mjs), and what they have noted of it.
import { expect } from 'vitest'
import { type LibraryScene, newLibraryScene } from './library-scene.ts'
import { waitFor } from './wait-for.ts'

interface Got {
  readonly fd: number
  readonly address: string
  readonly port: number
  readonly path?: string
}

interface Note {
  readonly id?: string
  readonly worker?: number
  readonly pid?: number
  readonly got?: Got
  readonly failed?: Record<string, unknown>
  readonly counted?: 'tcp' | 'udp'
  readonly text?: string
  readonly leaks?: readonly string[]
}

/** Resolves when each worker has got, or not got, all it asks for. */
export async function startAsking(asks: readonly object[], options: object = {}): Promise<LibraryScene> {
  const scene = newLibraryScene('on-demand.mjs')
  const { workers } = { workers: 2, ...options }
  scene.options({ workers, ...options })
  scene.setConfig({ asks })
  await scene.up()
  await allHaveAsked(scene, workers)
  return scene
}

/** Workers since the start. */
export async function allHaveAsked(scene: LibraryScene, workers: number): Promise<void> {
  await waitFor(() => notes(scene).filter(({ leaks }) => leaks).length === workers)
}

export function notes(scene: LibraryScene): Note[] {
  return scene.notes.filter((line) => line !== '').map((line) => JSON.parse(line) as Note)
}

/** What each worker that asked under this id got. */
export function got(scene: LibraryScene, id: string): Got[] {
  return notes(scene).flatMap((note) => (note.id === id && note.got ? [note.got] : []))
}

export function portOf(scene: LibraryScene, id: string): number {
  const [port = 0, ...others] = new Set(got(scene, id).map((one) => one.port))
  expect(others, id).toEqual([])
  return port
}

export function counted(scene: LibraryScene, what: 'tcp' | 'udp'): string[] {
  return notes(scene).flatMap((note) => (note.counted === what ? [note.text ?? ''] : []))
}

export async function pids(scene: LibraryScene): Promise<number[]> {
  return (await scene.service('shop')).workers.map(({ pid }) => pid ?? 0)
}
