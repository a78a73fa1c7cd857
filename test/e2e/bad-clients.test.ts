// Clients of the control socket that do not behave, and workers that say too much: supervision and `status` do not mind.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { exchange } from './harness/exchange.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = ['sleep', '1000']
const MB = 1024 * 1024

test('malformed HTTP and JSON: refused by name, and nothing is done', async () => {
  const scene = newScene()
  scene.configure({ services: { web: { command: SLEEP } } })
  await scene.up()
  const { pid } = await scene.worker('web/0')
  const stop = 'POST /v1/targets/web/stop HTTP/1.1\r\nHost: x\r\n'
  const withBody = (body: string) => `${stop}Content-Length: ${body.length}\r\n\r\n${body}`
  const answers: [string, RegExp][] = [
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, TLS', /^HTTP\/1\.1 400 /],
    ['stop web\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /v1/status HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 /],
    [`GET /${'x'.repeat(100_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 4\d\d /],
    ['GET /v1/frobnicate HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 404 [\s\S]*"HF_NO_ROUTE"/],
    ['DELETE /v1/targets/web HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 404 /],
    [withBody('{"withDependents": '), /^HTTP\/1\.1 400 [\s\S]*not valid JSON/],
    [withBody('[]'), /^HTTP\/1\.1 400 [\s\S]*must be a JSON object/],
    [withBody('{"force": true}'), /^HTTP\/1\.1 400 [\s\S]*unknown option \\"force\\"/],
    [withBody('{"withDependents": "yes"}'), /^HTTP\/1\.1 400 [\s\S]*true or false/],
    ['POST /v1/targets/wbe/stop HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 404 [\s\S]*HF_TARGET_UNKNOWN/],
    [`${stop}Transfer-Encoding: chunked\r\n\r\nnothing of the kind`, /^HTTP\/1\.1 400 |^$/],
  ]
  for (const [request, answer] of answers) {
    const whole = (text: string) => text.includes('\r\n\r\n')
    expect(await exchange({ path: controlSocket(scene) }, request, whole), request.slice(0, 80)).toMatch(answer)
  }
  expect(await scene.worker('web/0')).toMatchObject({ pid, state: 'running', restarts: 0 })
})

test('clients that send a byte now and then, never read, or are a thousand: status answers, a dead worker is back', async () => {
  const scene = newScene()
  const chatty = ['sh', '-c', 'exec yes "a line that nobody reads but the log file"']
  scene.configure({ services: { calm: { command: SLEEP }, chatty: { command: chatty } } })
  await scene.up()
  const clients: Socket[] = []
  onTestFinished(() => clients.forEach((client) => void client.destroy()))
  const open = async (request = ''): Promise<Socket> => {
    const client = connect(controlSocket(scene))
    client.on('error', () => {})
    client.pause()
    clients.push(client)
    await new Promise((resolve) => client.once('connect', resolve))
    if (request !== '') client.write(request)
    return client
  }
  for (let i = 0; i < 20; i++) await open('GET /v1/logs/chatty?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n')
  for (let i = 0; i < 20; i++) await open('GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n')
  const slow = await Promise.all(Array.from({ length: 50 }, () => open('POST /v1/down HTTP/1.1\r\nContent-Le')))
  const drip = setInterval(() => slow.forEach((client) => void (client.writable && client.write('n'))), 50)
  onTestFinished(() => clearInterval(drip))
  const silent = await Promise.all(Array.from({ length: 1_000 }, () => open()))
  expect(silent).toHaveLength(1_000)

  await supervisionWorks(scene)
  await scene.holdfast('stop', 'chatty')
  const { VmRSS } = memoryOf(scene.supervisorPid())
  expect(VmRSS).toBeLessThan(320 * MB)
  for (const client of clients) client.destroy()
  await waitFor(() => !scene.processes().some(({ command }) => command.includes('yes')))
  expect((await scene.holdfast('down')).code).toBe(0)
})

test('a line of 100 MB goes to the log in marked pieces; the supervisor holds one of them', async () => {
  const scene = newScene()
  const command = [
    'sh',
    '-c',
    `echo before; head -c ${100 * MB} /dev/zero | tr '\\0' x; echo; echo after; exec sleep 1000`,
  ]
  scene.configure({ services: { calm: { command: SLEEP }, wide: { command } } })
  await scene.up()
  await supervisionWorks(scene)
  await waitFor(() => scene.read('log/wide.log').endsWith(' wide/0 out after\n'), { within: 30_000, every: 200 })
  expect(memoryOf(scene.supervisorPid()).VmHWM).toBeLessThan(250 * MB)
  const last = await scene.holdfast('logs', '-n', '1', 'wide')
  expect(last.out).toMatch(/^\S+ wide\/0 out after\n$/)
  // Five files of 10 MB and the one that is written.
  const pieces = scene.read('log/wide.log').split('\n').slice(0, -2)
  expect(pieces.length).toBeGreaterThan(0)
  for (const piece of pieces) expect(piece.length).toBeLessThan(1.01 * MB)
  for (const file of [1, 2, 3, 4, 5]) expect(scene.read(`log/wide.log.${file}`).length).toBeLessThan(11 * MB)
  expect(scene.exists('log/wide.log.6')).toBe(false)
})

/** `status` answers, and what dies comes back. */
async function supervisionWorks(scene: Scene): Promise<void> {
  const status = await scene.holdfast('status')
  expect(status.code, status.all).toBe(0)
  expect(status.millis).toBeLessThan(3_000)
  const { pid, restarts } = await scene.worker('calm/0')
  process.kill(pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('calm/0')).restarts > restarts, { within: 5_000 })
}

function controlSocket(scene: Scene): string {
  return scene.path('run/holdfast.sock')
}

/** Bytes. */
function memoryOf(pid: number): { VmRSS: number; VmHWM: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { VmRSS: field('VmRSS'), VmHWM: field('VmHWM') }
}
