// A main that says it has made room, and lives on.
import { existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startTimeOf } from '../../src/os/process-identity.ts'
import { upgradeMains } from '../../src/server/upgrade-mains.ts'
import { until, useScratch } from '../os/scratch.ts'

const scratch = useScratch()

test('a main that has ended its work and is not gone fails the upgrade, by its name', async () => {
  const { directory } = scratch.now
  const { pid } = scratch.now.start('/bin/sleep', ['1000'])
  const server = { id: 'shop-server/0', role: 'main', pid, startTime: startTimeOf(pid) }
  const answers: Record<string, object> = {
    '/v1/status?target=shop-server': { services: [{ workers: [server] }] },
    '/v1/settled': { ok: true, services: [] },
  }
  const supervisor = createServer(({ url = '' }, response) => response.end(JSON.stringify(answers[url])))
  const socket = join(directory, 'holdfast.sock')
  await new Promise<void>((resolve) => supervisor.listen(socket, resolve))
  onTestFinished(() => void supervisor.close())
  const file = join(directory, 'upgrade.%p')
  const upgrade = upgradeMains({
    socket,
    runtimeDir: directory,
    service: 'shop-server',
    file,
    timeout: 60_000,
    endsWithin: 100,
  })
  const its = join(directory, `upgrade.${pid}`)
  await until('its file', () => existsSync(its))
  rmSync(its)
  const why = `the main shop-server/0 (pid ${pid}) has ended its work, and is not gone after 100ms`
  expect(await upgrade).toEqual({ is: 'failed', why, services: [] })
})
