import { expect, test } from 'vitest'
import { isTaken, isThreadSignal, takeSocket } from '../../src/wire/thread-gift.ts'
import { givenSockets } from '../../src/worker/thread-link.ts'

test('a descriptor has one owner: it is taken once', () => {
  const taken = new SharedArrayBuffer(2)
  expect(isTaken(taken, 1)).toBe(false)
  expect(takeSocket(taken, 1)).toBe(true)
  expect([isTaken(taken, 0), isTaken(taken, 1)]).toEqual([false, true])
  expect(takeSocket(taken, 1)).toBe(false)
})

test('a worker is given the socket of that name, once; another name is nobody’s', () => {
  const http = { name: 'http', fd: 20, backlog: 5 }
  const taken = new SharedArrayBuffer(1)
  const sockets = givenSockets([http], taken)
  expect(sockets.names).toEqual(['http'])
  expect(sockets.take('admin')).toBeNull()
  expect(sockets.take('http')).toEqual(http)
  expect(isTaken(taken, 0)).toBe(true)
  expect(() => sockets.take('http')).toThrow('has listened on socket "http" before')
})

test('a signal is told from a line', () => {
  expect(isThreadSignal({ signal: 'TERM' })).toBe(true)
  for (const other of ['{"signal":"TERM"}', null, {}, { signal: 15 }]) expect(isThreadSignal(other)).toBe(false)
})
