// Two servers in one program; each command is for both.
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const servers = ['left', 'right'].map((name) =>
  defineServer({
    name,
    runtimeDir: join(directory, name),
    logDir: join(directory, 'log', name),
    worker: {
      run(ctx) {
        ctx.ready()
        return new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
      },
    },
  }),
)
const codes = []
for (const server of servers) codes.push(await server.command(process.argv[2]))
console.log(`codes ${codes.join(' ')}`)
