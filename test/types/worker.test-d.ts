// The types of a worker's side. Nothing here is run: `npm run types` checks it.

import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { DynamicSettings, WorkerContext, WorkerDefinition } from 'holdfast'
import { NotMainError, type Promotion, type StopRequest, type Worker, worker } from 'holdfast/worker'
import { expectTypeOf } from 'vitest'

// --- The SDK.

expectTypeOf(worker).toEqualTypeOf<Worker>()
expectTypeOf(worker.config).toEqualTypeOf<unknown>()
expectTypeOf(worker.role).toEqualTypeOf<'main' | 'standby'>()
expectTypeOf(worker.tick()).toEqualTypeOf<boolean>()
expectTypeOf(worker.fencingToken()).toEqualTypeOf<string | null>()
expectTypeOf(worker.request(() => 1)).toEqualTypeOf<number>()
expectTypeOf(worker.request(async () => 'x')).toEqualTypeOf<Promise<string>>()
expectTypeOf(worker.listen('http', createServer(), 8080)).toEqualTypeOf<Promise<AddressInfo | string | null>>()
expectTypeOf(worker.listen('dns', createSocket('udp4'), { host: '::1', port: 53 })).resolves.not.toBeUndefined()
worker.onPromote((promotion) => expectTypeOf(promotion).toEqualTypeOf<Promotion>())
worker.onStop((request) => expectTypeOf(request).toEqualTypeOf<StopRequest>())
worker.autoHeartbeat = false
expectTypeOf(new NotMainError('').code).toEqualTypeOf<'HF_NOT_MAIN'>()
// @ts-expect-error who it is does not change
worker.slot = 1
// @ts-expect-error not a server
worker.listen('http', () => {})
// @ts-expect-error port
worker.listen('http', createServer(), { prot: 80 })

// --- In a server.

declare const ctx: WorkerContext<{ readonly port: number }>
expectTypeOf(ctx).toExtend<Worker>()
expectTypeOf(ctx.config.port).toEqualTypeOf<number>()
expectTypeOf(ctx.workerId).toEqualTypeOf<number>()
expectTypeOf(ctx.server).toEqualTypeOf<{ readonly name: string; readonly pid: number }>()
expectTypeOf(await ctx.listenTcp('::1', 0, { server: createServer(), name: 'a' })).toEqualTypeOf<{
  readonly fd: number
  readonly address: string
  readonly port: number
}>()
expectTypeOf(await ctx.listenUnix('a.sock', { mode: 0o600 })).toEqualTypeOf<{
  readonly fd: number
  readonly path: string
}>()
// @ts-expect-error a UDP socket is `socket`
ctx.listenUdp('::1', 53, { server: createServer() })
// @ts-expect-error a port is a number
ctx.listenTcp('::1', '80')

// --- A module that is a worker.

export const definition = {
  initialize: (given) => expectTypeOf(given.config).toEqualTypeOf<{ a: 1 }>(),
  run: async (given) => void (await given.listen('http', createServer())),
  reload: (config) => expectTypeOf(config).toEqualTypeOf<{ a: 1 }>(),
} satisfies WorkerDefinition<{ a: 1 }>

// --- What `config` may say of the server itself.

export const dynamic: DynamicSettings = { workers: 0, heartbeat: { timeout: '5s' }, env: { A: '1' }, umask: '022' }
// @ts-expect-error sockets are bound once
export const fixed: DynamicSettings = { sockets: { http: 'tcp://:80' } }
