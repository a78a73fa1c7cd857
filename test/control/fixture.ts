import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ControlHost } from '../../src/control/handlers.ts'
import {
  type ControlLimits,
  type ControlServer,
  type ControlServerOptions,
  openControlServer,
} from '../../src/control/server.ts'
import { asEngine, FakeEngine } from './fake-engine.ts'

export interface Fixture {
  readonly directory: string
  readonly path: string
  readonly engine: FakeEngine
  readonly server: ControlServer
  readonly host: ControlHost
  close(): Promise<void>
}

/** A control server on a fake engine in a directory of its own. */
export async function openFixture(
  options: Partial<ControlServerOptions> & { limits?: Partial<ControlLimits> } = {},
): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-control-'))
  const engine = new FakeEngine(directory)
  const path = options.path ?? join(directory, 'control.sock')
  const host: ControlHost = {
    engine: asEngine(engine),
    process: { pid: process.pid, startTime: 1 },
    readConfig: async () => engine.spec,
    apply: (spec, how) => engine.apply(spec, how),
    down: (given) => engine.down(given),
  }
  const access = { owner: process.getuid?.() ?? 0, allowed: new Set<number>() }
  const server = await openControlServer(host, { path, mode: 0o600, access, ...options })
  const close = async () => {
    await server.close(0)
    rmSync(directory, { recursive: true, force: true })
  }
  return { directory, path, engine, server, host, close }
}

export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Sends these bytes as they are and reads to the end of the connection. */
export function sendRaw(path: string, bytes: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(bytes))
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', (error) => (text === '' ? reject(error) : undefined))
    socket.on('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n')
      resolve({ status: Number(head.split(' ')[1] ?? 0), head, body })
    })
  })
}

export function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket))
    socket.once('error', reject)
  })
}

export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** Waits for what has no event to wait for. */
export async function until(condition: () => boolean, what: string, within = 5_000): Promise<void> {
  const deadline = Date.now() + within
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
