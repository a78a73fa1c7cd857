import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { afterAll, expect, test } from 'vitest'
import {
  checkListenOptions,
  checkListenPath,
  checkVersion,
  type ListenMethod,
} from '../../src/server/listen-arguments.ts'

const server = createServer()
const udp6 = createSocket('udp6')
afterAll(() => void udp6.close())

test.each<[ListenMethod, unknown, string]>([
  ['listenTcp', null, 'listenTcp: its options are an object, { server, name, backlog }'],
  ['listenTcp', 'web', 'listenTcp: its options are an object, { server, name, backlog }'],
  ['listenUnix', [], 'listenUnix: its options are an object, { server, mode, backlog }'],
  ['listenTcp', server, 'listenTcp: write { server } around what is to listen'],
  ['listenUdp', udp6, 'listenUdp: write { socket } around what is to listen'],
  ['listenTcp', { sever: server }, 'listenTcp: there is no option "sever"; did you mean server?'],
  ['listenUdp', { server }, 'listenUdp: there is no option "server"; it knows socket, name'],
  ['listenTcp', { server: null }, 'listenTcp: server: give it a server of node:net, node:http …, or leave it out'],
  ['listenTcp', { server: udp6 }, 'listenTcp: server: give it a server of node:net, node:http …, or leave it out'],
  ['listenUdp', { socket: server }, 'listenUdp: socket: give it a socket of node:dgram, or leave it out'],
  ['listenUdp', { socket: null }, 'listenUdp: socket: give it a socket of node:dgram, or leave it out'],
  ['listenTcp', { name: 5 }, 'listenTcp: name: a text of at most 255 characters'],
  ['listenTcp', { name: 'x'.repeat(256) }, 'listenTcp: name: a text of at most 255 characters'],
  ['listenTcp', { backlog: '5' }, 'listenTcp: backlog: a whole number from 0 to 2147483647'],
  ['listenTcp', { backlog: Number.NaN }, 'listenTcp: backlog: a whole number from 0 to 2147483647'],
  ['listenUnix', { backlog: -1 }, 'listenUnix: backlog: a whole number from 0 to 2147483647'],
  ['listenUnix', { mode: '660' }, 'listenUnix: mode: permission bits, from 0 to 0o777'],
  ['listenUnix', { mode: 0o1777 }, 'listenUnix: mode: permission bits, from 0 to 0o777'],
])('%s of %o is refused where it was written', (method, options, message) => {
  expect(() => checkListenOptions(method, options)).toThrow(message)
})

test('what is as it should be passes', () => {
  checkListenOptions('listenTcp', {})
  checkListenOptions('listenTcp', { server, name: 'web', backlog: 0 })
  checkListenOptions('listenUdp', { socket: udp6, name: undefined })
  checkListenOptions('listenUnix', { server, mode: 0o660, backlog: 5 })
})

test('a path that is none, a socket of another version than its address', () => {
  for (const path of [undefined, 5, '', {}])
    expect(() => checkListenPath(path)).toThrow('path: give the path of a unix')
  checkListenPath('a.sock')
  expect(() => checkVersion(udp6, '127.0.0.1', 4)).toThrow("listenUdp: socket: 127.0.0.1 needs createSocket('udp4')")
  checkVersion(udp6, '::1', 6)
  checkVersion(undefined, '127.0.0.1', 4)
})
