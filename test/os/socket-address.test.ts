import { isIPv6 } from 'node:net'
import { expect, test } from 'vitest'
import { AF_INET6, decodeSocketAddress, encodeUnixAddress } from '../../src/os/socket-address.ts'

function ipv6(groups: readonly number[], scope = 0): Buffer {
  const address = Buffer.alloc(28)
  address.writeUInt16LE(AF_INET6, 0)
  address.writeUInt16BE(443, 2)
  for (const [index, group] of groups.entries()) address.writeUInt16BE(group, 8 + index * 2)
  address.writeUInt32LE(scope, 24)
  return address
}

test.each([
  [[0, 0, 0, 0, 0, 0, 0, 0], '::'],
  [[0, 0, 0, 0, 0, 0, 0, 1], '::1'],
  [[0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], '2001:db8::1'],
  [[0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], '2001:db8:0:1:1:1:1:1'],
  [[0x2001, 0, 0, 1, 0, 0, 0, 1], '2001:0:0:1::1'],
  [[0xfe80, 0, 0, 0, 0, 0, 0, 0], 'fe80::'],
  [[0, 0, 0, 0, 0, 0xffff, 0x7f00, 1], '::ffff:127.0.0.1'],
  [[1, 2, 3, 4, 5, 6, 7, 8], '1:2:3:4:5:6:7:8'],
])('IPv6 %j is written as %s', (groups, text) => {
  expect(decodeSocketAddress(ipv6(groups))).toMatchObject({ host: text, port: 443 })
  expect(isIPv6(text)).toBe(true)
})

test('a link-local scope is kept', () => {
  expect(decodeSocketAddress(ipv6([0xfe80, 0, 0, 0, 0, 0, 0, 1], 3))?.host).toBe('fe80::1%3')
})

test('unix addresses: path, unnamed, abstract', () => {
  expect(decodeSocketAddress(encodeUnixAddress('/run/ü', 'bind'))?.path).toBe('/run/ü')
  expect(decodeSocketAddress(Buffer.from([1, 0]))?.path).toBe('')
  expect(decodeSocketAddress(Buffer.from('\x01\0\0name'))?.path).toBe('@name')
  expect(decodeSocketAddress(Buffer.from([16, 0, 0, 0]))).toBeNull()
  expect(decodeSocketAddress(Buffer.alloc(0))).toBeNull()
})
