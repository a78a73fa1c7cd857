import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { PushedBytes } from '../../src/logs/pushed-bytes.ts'
import { ServiceLog } from '../../src/logs/service-log.ts'
import { temporaryDirectory } from './support.ts'

function captured() {
  const file = join(temporaryDirectory(), 'web.log')
  const log = new ServiceLog({ file, stdout: 'log', stderr: 'log' })
  onTestFinished(async () => void (await log.close()))
  const bytes = new PushedBytes()
  const capture = log.openStream({ worker: 'web/0', stream: 'out', reader: bytes })
  const lines = async (): Promise<string[]> => {
    await log.flush()
    const text = readFileSync(file, 'utf8').trimEnd()
    return text.split('\n').map((line) => line.replace(/^\S+ /, ''))
  }
  return { bytes, capture, lines }
}

test('what is pushed comes out as lines of the log, by itself, whatever it is cut into', async () => {
  const { bytes, lines } = captured()
  for (const part of ['one\ntw', 'o\n', 'three']) bytes.push(Buffer.from(part))
  await expect.poll(lines).toEqual(['web/0 out one', 'web/0 out two'])
  bytes.push(Buffer.from(' and more\n'))
  await expect.poll(async () => (await lines()).at(-1)).toBe('web/0 out three and more')
})

test('at the end of the worker everything is taken, the unfinished line too', async () => {
  const { bytes, capture, lines } = captured()
  const many = Array.from({ length: 50_000 }, (_, index) => `line ${index}`)
  bytes.push(Buffer.from(many.join('\n')))
  capture.endOfProcess()
  expect(await lines()).toEqual(many.map((line) => `web/0 out ${line}`))
})

test('whoever pushes much is told to wait, and when to go on', () => {
  const bytes = new PushedBytes()
  let told = 0
  expect(bytes.push(Buffer.alloc(1_000))).toBe(true)
  bytes.onRoom(() => told++)
  expect(told).toBe(1)
  expect(bytes.push(Buffer.alloc(100_000))).toBe(false)
  bytes.onRoom(() => told++)
  expect(bytes.read(Buffer.alloc(50_000))).toBe(50_000)
  expect(told).toBe(1)
  expect(bytes.read(Buffer.alloc(50_000))).toBe(50_000)
  expect(told).toBe(2)
  expect(bytes.read(Buffer.alloc(50_000))).toBe(1_000)
  expect(bytes.read(Buffer.alloc(50_000))).toBe(0)
})

test('nothing is told while it is paused or held, and everything afterwards', async () => {
  const bytes = new PushedBytes()
  let calls = 0
  bytes.listen({
    onReadable: () => {
      calls++
      bytes.read(Buffer.alloc(10))
    },
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  bytes.pause()
  bytes.hold()
  bytes.push(Buffer.from('x'))
  bytes.resume()
  await turn()
  expect(calls).toBe(0)
  bytes.letGo()
  await turn()
  expect(calls).toBe(1)
  bytes.push(Buffer.from('y'))
  bytes.close()
  await turn()
  expect(calls).toBe(1)
})
