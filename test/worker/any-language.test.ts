// The plain-text protocol, as the programs of examples/any-language speak it.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type WorkerProcess, Workshop } from './worker-process.ts'

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop.close())

const examples = join(import.meta.dirname, '../../examples/any-language')
const languages = [
  { language: 'node', command: [process.execPath, 'worker.mjs'], serves: true },
  { language: 'python', command: ['python3', 'worker.py'], serves: true },
  { language: 'perl', command: ['perl', 'worker.pl'], serves: true },
  { language: 'ruby', command: ['ruby', 'worker.rb'], serves: true },
  { language: 'sh', command: ['sh', 'worker.sh'], serves: false },
]

for (const { language, command, serves } of languages) {
  const [interpreter = '', file = ''] = command
  const installed = spawnSync(interpreter, ['-c', ''], { stdio: 'ignore' }).error === undefined
  if (!installed)
    console.warn(`SKIPPED: ${interpreter} is not installed, so examples/any-language/${file} was not tried`)

  describe.skipIf(!installed)(`a worker in ${language}`, () => {
    const start = async (): Promise<{ worker: WorkerProcess; port: number }> => {
      const socket = workshop.socket()
      const sockets = serves ? { [language]: socket.fd } : {}
      const worker = workshop.start({ program: [interpreter, join(examples, file)], sockets })
      await worker.notified('READY=1')
      return { worker, port: socket.port }
    }

    it.runIf(serves)('answers on the socket it is given', async () => {
      const { worker, port } = await start()
      const response = await fetch(`http://127.0.0.1:${port}/`)
      expect(await response.text()).toBe(`hello from ${language}, pid ${worker.pid}\n`)
    })

    it('sends heartbeats, and stops by a line', async () => {
      const { worker } = await start()
      await worker.notified('WATCHDOG=1')
      worker.askToStop('scale down', 10_000)
      expect(await worker.exited).toEqual({ code: 0, signal: null })
      await worker.notified('STOPPING=1')
    })

    it('stops by TERM', async () => {
      const { worker } = await start()
      worker.signal('SIGTERM')
      expect(await worker.exited).toEqual({ code: 0, signal: null })
      await worker.notified('STOPPING=1')
    })
  })
}
