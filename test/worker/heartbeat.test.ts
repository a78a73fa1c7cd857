import { openSync, readSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSlot, SLOT_BYTES } from '../../src/wire/heartbeat-slot.ts'
import { monotonicNanos } from '../../src/worker/heartbeat-writer.ts'
import { Workshop } from './worker-process.ts'

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop.close())

const heartbeat = { HOLDFAST_HEARTBEAT_INTERVAL_MS: '20', HOLDFAST_HEARTBEAT_TIMEOUT_MS: '1000' }
const second = 1e9

describe('heartbeat', () => {
  it('is written from the event loop: now plus the timeout, on CLOCK_MONOTONIC', async () => {
    const worker = workshop.start({
      env: heartbeat,
      program: workshop.program(`worker.ready(); setInterval(() => {}, 1000)`),
    })
    await worker.notified('READY=1')
    const first = worker.slot
    expect(first).toMatchObject({ pid: worker.pid, state: 'ready', generation: 7, requestDeadline: 0, requests: 0 })
    expect(first.deadline - monotonicNanos()).toBeGreaterThan(0)
    expect(first.deadline - monotonicNanos()).toBeLessThanOrEqual(second)
    await worker.until('the next heartbeat', () => worker.slot.deadline > first.deadline)
  })

  it('fills 64 bytes as written in the contract', async () => {
    const worker = workshop.start({
      env: heartbeat,
      program: workshop.program(`worker.ready(); setInterval(() => {}, 1000)`),
    })
    await worker.notified('READY=1')
    const bytes = worker.slotBytes()
    expect(bytes.readUInt32LE(0)).toBe(worker.pid)
    expect(bytes.readUInt32LE(4)).toBe(2)
    const ahead = bytes.readBigUInt64LE(8) - process.hrtime.bigint()
    expect(ahead > 0n && ahead <= 1_000_000_000n).toBe(true)
    expect(bytes.readUInt32LE(40)).toBe(7)
    expect(bytes.subarray(44).every((byte) => byte === 0)).toBe(true)
  })

  it('stops when the event loop hangs', async () => {
    const worker = workshop.start({
      env: heartbeat,
      program: workshop.program(`worker.ready()
        setTimeout(() => { console.log('hanging'); for (;;); }, 100)`),
    })
    await worker.printed('hanging')
    const { deadline } = worker.slot
    await worker.until('the deadline', () => monotonicNanos() > deadline)
    expect(worker.slot.deadline).toBe(deadline)
  })

  it('is left to the program with autoHeartbeat = false', async () => {
    const worker = workshop.start({
      env: heartbeat,
      program: workshop.program(`worker.autoHeartbeat = false
        worker.ready()
        setTimeout(() => { worker.heartbeat(); console.log('beat') }, 200)`),
    })
    await worker.notified('READY=1')
    expect(worker.slot.deadline).toBe(0)
    await worker.printed('beat')
    expect(worker.slot.deadline).toBeGreaterThan(monotonicNanos())
    await worker.exited
  })

  it('is written by tick in a loop that never returns to the event loop', async () => {
    const worker = workshop.start({
      env: heartbeat,
      program: workshop.program(`worker.ready(); while (worker.tick());`),
    })
    await worker.notified('READY=1')
    const { deadline } = worker.slot
    await worker.until('the next heartbeat', () => worker.slot.deadline > deadline)
  })

  it('goes as WATCHDOG=1 where there is no slot', async () => {
    const worker = workshop.start({
      env: { ...heartbeat, HOLDFAST_HEARTBEAT: '/nowhere/slots:0' },
      program: workshop.program(`worker.ready(); worker.heartbeat()`),
    })
    await worker.exited
    await worker.notified('WATCHDOG=1')
  })

  it('goes as WATCHDOG=1 from behind a shell, whose pid the supervisor knows, and says so', async () => {
    const program = workshop.program('worker.ready(); setInterval(() => {}, 1000)')
    const worker = workshop.start({ env: heartbeat, program: ['sh', '-c', `"${process.execPath}" "${program}"; true`] })
    await worker.notified('WATCHDOG=1', 3)
    expect(worker.output.join()).toContain('Put `exec` before it')
    expect(worker.slot.pid).toBe(0)
    worker.askToStop('enough', 2_000)
    expect((await worker.exited).code).toBe(0)
  })

  it('leaves a slot alone that belongs to another living process', async () => {
    const slots = join(workshop.directory, 'taken')
    const bytes = Buffer.alloc(SLOT_BYTES)
    bytes.writeUInt32LE(process.pid, 0)
    writeFileSync(slots, bytes)
    const worker = workshop.start({
      env: { ...heartbeat, HOLDFAST_HEARTBEAT: `${slots}:0` },
      program: workshop.program(`worker.ready(); worker.heartbeat()`),
    })
    await worker.exited
    readSync(openSync(slots, 'r'), bytes, 0, SLOT_BYTES, 0)
    expect(readSlot(bytes, 0)).toMatchObject({ pid: process.pid, deadline: 0 })
  })
})

describe('requests', () => {
  const timeout = { HOLDFAST_REQUEST_TIMEOUT_MS: '5000' }

  it('have the deadline of the earliest one under way, and none when all are done', async () => {
    const worker = workshop.start({
      env: timeout,
      program: workshop.program(`import { setTimeout as sleep } from 'node:timers/promises'
        worker.ready()
        const first = worker.request(() => sleep(300))
        await sleep(100)
        const second = worker.request(() => sleep(400))
        console.log('both')
        await first
        console.log('second')
        await second
        console.log('none')
        await sleep(60_000)`),
    })
    await worker.printed('both')
    const both = worker.slot.requestDeadline
    await worker.printed('second')
    // The second began 0.1 s after the first; a deadline may be late by 0.2 s, never early.
    const remaining = (worker.slot.requestDeadline - monotonicNanos()) / second
    expect(remaining).toBeGreaterThan(4.5)
    expect(remaining).toBeLessThan(5.1)
    expect(both - monotonicNanos()).toBeLessThan(5 * second)
    expect(worker.slot.requestDeadline).toBeGreaterThan(both)
    await worker.printed('none')
    await worker.until('no deadline', () => worker.slot.requestDeadline === 0)
    await worker.until('the counters', () => worker.slot.requests === 2)
    // One after the other and overlapping: from the start of the first to the end of the second.
    expect(worker.slot.busy / second).toBeGreaterThan(0.45)
    expect(worker.slot.busy / second).toBeLessThan(0.8)
  })

  it('make the worker busy to the end of the turn, no longer, where many begin and end in one', async () => {
    const worker = workshop.start({
      program: workshop.program(`worker.ready()
        const spin = (millis) => { for (const end = performance.now() + millis; performance.now() < end;); }
        for (let count = 0; count < 100; count++) worker.request(() => spin(2))
        await new Promise((resolve) => setTimeout(resolve, 2_500))
        worker.request(() => spin(2))
        console.log('last')
        await new Promise((resolve) => setTimeout(resolve, 60_000))`),
    })
    await worker.until('the first counters', () => worker.slot.requests === 100)
    expect(worker.slot.busy / second).toBeGreaterThan(0.195)
    expect(worker.slot.busy / second).toBeLessThan(2)
    await worker.printed('last')
    await worker.until('the last counter', () => worker.slot.requests === 101)
    // The pause between them was idle.
    expect(worker.slot.busy / second).toBeLessThan(2.4)
  })

  it('count when they throw, too', async () => {
    const worker = workshop.start({
      program: workshop.program(`worker.ready()
        try { worker.request(() => { throw new Error('sync') }) } catch {}
        await worker.request(() => Promise.reject(new Error('async'))).catch(() => {})
        console.log(worker.request(() => 42))
        setInterval(() => {}, 1000)`),
    })
    await worker.printed('42')
    await worker.until('the counters', () => worker.slot.requests === 3)
  })

  it('of an http server count by themselves: answered, aborted, pipelined', async () => {
    const socket = workshop.socket()
    const worker = workshop.start({
      env: timeout,
      sockets: { http: socket.fd },
      program: workshop.program(`import http from 'node:http'
        await worker.listen('http', http.createServer((q, r) => {
          console.log(q.url)
          if (q.url !== '/never') setTimeout(() => r.end('x'), q.url === '/slow' ? 100 : 0)
        }))
        worker.ready()`),
    })
    await worker.notified('READY=1')
    for (let n = 0; n < 3; n++) await (await fetch(`http://127.0.0.1:${socket.port}/`)).text()
    await worker.until('three requests', () => worker.slot.requests === 3 && worker.slot.requestDeadline === 0)

    const pipelining = connect(socket.port, '127.0.0.1')
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    pipelining.write(get('/slow') + get('/slow') + get('/slow'))
    await worker.until('a deadline', () => worker.slot.requestDeadline > 0)
    await worker.until('three more', () => worker.slot.requests === 6 && worker.slot.requestDeadline === 0)

    pipelining.write(get('/never') + get('/never'))
    await worker.printed('/never')
    await worker.until('a deadline', () => worker.slot.requestDeadline > 0)
    pipelining.destroy()
    await worker.until('no deadline', () => worker.slot.requestDeadline === 0)
    expect(worker.slot.requests).toBe(6)
  })
})
