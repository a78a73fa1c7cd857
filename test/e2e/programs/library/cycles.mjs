// A program that starts and stops its server again and again, and says after each turn what is left, one JSON line each.
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const { guest, cycles, ...options } = JSON.parse(readFileSync(join(directory, 'options.json'), 'utf8'))

const server = defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  sockets: { http: 'tcp://127.0.0.1:0' },
  workers: 2,
  quiet: true,
  worker: {
    async run(ctx) {
      await ctx.listenTcp('127.0.0.1', 0, { server: createServer() })
      await ctx.listen('http', createServer())
    },
  },
  ...options,
})

async function cycle() {
  if (!guest) return [await server.command('start'), await server.command('stop')]
  const running = await server.open()
  const { ok } = await running.settled()
  return [ok ? 0 : 1, await running.stop()]
}

function read(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const children = () => read(`/proc/self/task/${process.pid}/children`).trim()
const sorted = (list) => [...list].sort()
const isOurs = (pid) => read(`/proc/${pid}/environ`).split('\0').includes(`E2E_SCENE=${directory}`)
const isShared = (name) => read(`/dev/shm/${name}/owner.json`).includes(directory)

for (let turn = 0; turn < cycles; turn++) {
  const codes = await cycle()
  // The end of a process is seen before that of its last thread.
  for (let look = 0; look < 500 && children() !== ''; look++) await new Promise((resolve) => setTimeout(resolve, 10))
  const left = {
    codes,
    // Also those that are dead and not waited for.
    children: children(),
    processes: readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && isOurs(pid)),
    files: sorted(readdirSync(directory, { recursive: true })),
    shared: readdirSync('/dev/shm').filter(isShared),
    descriptors: readdirSync('/proc/self/fd').length,
  }
  console.log(JSON.stringify(left))
}
