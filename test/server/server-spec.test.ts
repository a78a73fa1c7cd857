import { expect, test } from 'vitest'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { evaluateOptions } from '../../src/server/server-spec.ts'

async function stopOf(options: Partial<ServerOptions>): Promise<{ words: string[]; timeout: number | undefined }> {
  const server = { name: 'shop', workerType: 'spawn', command: 'true', commandSender: 'pipe', ...options } as const
  const { spec } = await evaluateOptions(server, '/srv/shop.mjs', {})
  const stop = spec.services.shop?.stop
  return { words: stop?.signals.map(({ signal }) => signal) ?? [], timeout: stop?.timeout }
}

test('the words of a stop are kept where the program says something else of it', async () => {
  const words = ['TERM', 'QUIT', 'KILL']
  expect(await stopOf({})).toEqual({ words, timeout: 10_000 })
  expect(await stopOf({ stop: { timeout: '3s' } })).toEqual({ words, timeout: 3_000 })
  expect(await stopOf({ config: () => ({ stop: { timeout: '4s' } }) })).toEqual({ words, timeout: 4_000 })
  expect(await stopOf({ stop: { signals: ['INT', 'KILL'] } })).toEqual({ words: ['INT', 'KILL'], timeout: 10_000 })
})
