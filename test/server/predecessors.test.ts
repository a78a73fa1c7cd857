// Servers that can not be asked for their sockets.
import { mkdirSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { deskPath, Predecessors } from '../../src/server/predecessors.ts'
import { useScratch } from '../os/scratch.ts'

const scratch = useScratch()

/** Of a process that lives. */
function placeOf(pid: number): string {
  const place = join(scratch.now.directory, `server-${pid}`)
  mkdirSync(place)
  return deskPath(place)
}

async function listenAt(path: string, server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(path, resolve))
  onTestFinished(() => void server.close())
}

test('one that hangs is told of, and not asked again; one that has ended is passed over in silence', async () => {
  const silent = scratch.now.start('/bin/sleep', ['1000']).pid
  const ended = scratch.now.start('/bin/sleep', ['1000']).pid
  let asked = 0
  const server = createServer((socket) => {
    asked++
    onTestFinished(() => void socket.destroy())
  })
  await listenAt(placeOf(silent), server)
  placeOf(ended)
  const predecessors = new Predecessors(scratch.now.directory, 'secret', 50)
  const reports: string[] = []
  const take = () => expect.unreachable()
  for (let times = 0; times < 2; times++) await predecessors.handOver(take, (text) => reports.push(text))
  expect(reports).toEqual([
    `the server before this one (pid ${silent}) does not hand over the sockets of its workers: the server does not answer the request for a socket`,
  ])
  expect(asked).toBe(1)
})

test('one that is busy has ten seconds for its sockets, and two when it is asked again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const busy = scratch.now.start('/bin/sleep', ['1000']).pid
  const asked: Socket[] = []
  await listenAt(
    placeOf(busy),
    createServer((socket) => void asked.push(socket)),
  )
  onTestFinished(() => {
    for (const socket of asked) socket.destroy()
  })
  const predecessors = new Predecessors(scratch.now.directory, 'secret')
  const reports: string[] = []
  const handOver = () =>
    predecessors.handOver(
      () => expect.unreachable(),
      (text) => reports.push(text),
    )
  const first = handOver()
  while (asked.length < 1) await turn()
  vi.advanceTimersByTime(9_900)
  await turn()
  asked[0]?.end('{"sockets":[],"more":false}\n')
  await first
  expect(reports).toEqual([])
  const again = handOver()
  while (asked.length < 2) await turn()
  vi.advanceTimersByTime(1_900)
  await turn()
  expect(reports).toEqual([])
  vi.advanceTimersByTime(100)
  await again
  expect(reports).toEqual([expect.stringContaining(`(pid ${busy}) does not hand over the sockets of its workers`)])
})

/** Of the event loop, whose clock stands still. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
