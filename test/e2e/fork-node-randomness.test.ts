// Siblings are copies of one process, and must not draw the same numbers, whoever has prepared them before the fork.
import { expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

const SIBLINGS = 120
const AT_A_TIME = 4

const APP = `const crypto = require('node:crypto')
const { random } = Math
// Reserves as uuid, nanoid and ws keep them.
const pool = crypto.randomFillSync(Buffer.alloc(256))
const part = new Uint32Array(crypto.randomFillSync(new Uint32Array(100), 10, 64).buffer)
const web = globalThis.crypto.getRandomValues(new Uint8Array(2048))
const filled = new Promise((resolve) => crypto.randomFill(Buffer.alloc(512), (_, buffer) => resolve(buffer)))
// Not to be touched: written over since, or small.
const used = crypto.randomFillSync(Buffer.alloc(256)).fill(7, 100, 101)
const key = crypto.randomFillSync(Buffer.alloc(32)).toString('hex')
const small = crypto.randomFillSync(Buffer.alloc(32))
crypto.randomUUID(); crypto.randomInt(10); random(); Math.random()
module.exports = { random, pool, part, web, filled, used, small, key }`

const ENTRY = `const crypto = require('node:crypto'), app = require('./app.cjs')
async function main() {
  const hex = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  const unique = {
    uuids: [crypto.randomUUID(), crypto.randomUUID(), globalThis.crypto.randomUUID()],
    integers: [crypto.randomInt(2 ** 47), crypto.randomInt(2 ** 47)],
    later: await new Promise((resolve) => crypto.randomInt(2 ** 47, (_, value) => resolve(value))),
    math: [Math.random(), app.random(), Math.random()],
    bytes: [crypto.randomBytes(16).toString('hex'), hex(globalThis.crypto.getRandomValues(new Uint8Array(16)))],
    key: hex(new Uint8Array(await crypto.subtle.exportKey('raw', await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt'])))),
    reserves: [hex(app.pool), hex(app.part.subarray(10, 74)), hex(app.web), hex(await app.filled)],
  }
  const same = [hex(app.used), hex(app.small), app.key, hex(app.part.subarray(0, 10))]
  require('node:fs').writeFileSync(process.env.REPORT, JSON.stringify({ unique: Object.values(unique).flat(), same }))
}
main()`

it('siblings share no random number, and no reserve of random bytes', async () => {
  const scene = new ForkScene({ 'app.cjs': APP, 'entry.cjs': ENTRY })
  await scene.load({ args: ['--preload', './app.cjs'] })
  const values: unknown[] = []
  const same = new Set<string>()
  let next = 0
  const byTurns = async (): Promise<void> => {
    for (let index = next++; index < SIBLINGS; index = next++) {
      const file = `report-${index}`
      expect(await scene.run({ entry: './entry.cjs', env: { REPORT: scene.path(file) } })).toMatchObject({ code: 0 })
      const report = JSON.parse(scene.text(file)) as { unique: unknown[]; same: string[] }
      values.push(...report.unique)
      same.add(report.same.join())
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, byTurns))
  expect(values.length).toBeGreaterThan(SIBLINGS * 14)
  expect(new Set(values).size).toBe(values.length)
  expect(same.size).toBe(1)
})

it('random numbers of a forkserver and its workers are as even as those of Node', async () => {
  const scene = new ForkScene({
    'app.cjs': '',
    'entry.cjs': `const counts = new Array(16).fill(0)
      let least = 1, most = 0, odd = 0
      for (let i = 0; i < 160_000; i++) {
        const value = Math.random()
        counts[Math.floor(value * 16)]++
        least = Math.min(least, value)
        most = Math.max(most, value)
        odd += (value * 2 ** 53) % 2
      }
      process.exitCode = counts.every((count) => Math.abs(count - 10_000) < 600) && least >= 0 && most < 1 && Math.abs(odd - 80_000) < 2000 ? 0 : 1`,
  })
  await scene.load({ args: ['--preload', './app.cjs'] })
  expect(await scene.run({ entry: './entry.cjs' })).toMatchObject({ code: 0 })
})
