// What bench/c/beacon.c does, in Node.
import { closeSync, openSync, writeSync } from 'node:fs'

/** One atomic write, so that many processes can share a FIFO. */
export function reportLife(fifo, tag, pid = process.pid) {
  const born = process.hrtime.bigint()
  const record = Buffer.alloc(24)
  record.writeBigInt64LE(born, 0)
  record.writeBigInt64LE(BigInt(pid), 8)
  record.writeBigInt64LE(BigInt(tag), 16)
  const fd = openSync(fifo, 'w')
  writeSync(fd, record)
  closeSync(fd)
}
