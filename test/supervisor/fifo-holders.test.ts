import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { fifoHolders, slotByFifos } from '../../src/supervisor/fifo-holders.ts'
import { scratchDirectory } from './scratch-directory.ts'

/** A process with this redirection; resolves when it has it. */
async function holder(redirection: string): Promise<number> {
  const child = spawn('sh', ['-c', `exec 9${redirection}; echo open; exec sleep 1000`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child.pid ?? 0
}

function services(...fifos: string[]): string {
  const directory = join(scratchDirectory(), 'svc')
  mkdirSync(join(directory, 'web'), { recursive: true })
  for (const fifo of fifos) execFileSync('mkfifo', [join(directory, 'web', fifo)])
  return directory
}

it('finds who was born with the FIFOs of a slot, also when they were removed since', async () => {
  const directory = services('2.a.notify')
  const pid = await holder(`<>${directory}/web/2.a.notify`)
  expect(fifoHolders(directory)).toEqual([{ pid, startTime: expect.any(Number), service: 'web', slot: 2 }])
  rmSync(directory, { recursive: true })
  expect(slotByFifos(pid, [directory])).toEqual({ service: 'web', slot: 2 })
})

it('takes nobody for a worker who only looks into one, or has another file open there', async () => {
  const directory = services('0.a.out')
  const [writer, reader] = [await holder(`<>${directory}/web/0.a.out`), await holder(`<${directory}/web/0.a.out`)]
  const other = await holder(`<>${directory}/web/heartbeat`)
  expect(fifoHolders(directory).map(({ pid }) => pid)).toEqual([writer])
  expect(slotByFifos(reader, [directory])).toBeNull()
  expect(slotByFifos(other, [directory])).toBeNull()
  expect(slotByFifos(writer, [`${directory}2`, '/'])).toBeNull()
})
