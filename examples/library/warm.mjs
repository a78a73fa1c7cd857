// Workers that are forked from a process in which the program is loaded: each is there in milliseconds, and the memory is shared.
import { createServer } from 'node:http'
import { defineServer } from 'holdfast'

/** What takes its time, and much memory: loaded once. */
let table = []

export const server = defineServer({
  name: 'warm',
  workers: 4,
  workerType: 'fork',
  sockets: { http: 'tcp://127.0.0.1:8091' },
  config: () => ({ rows: 200_000 }),
  worker: {
    /** In the forkserver. */
    initialize(ctx) {
      table = Array.from({ length: ctx.config.rows }, (_, row) => ({ row, name: `row ${row}` }))
      ctx.logger.info(`${table.length} rows loaded by process ${process.pid}`)
    },
    /** In each worker. */
    async run(ctx) {
      const http = createServer((_request, response) => {
        const { name } = table[Math.floor(Math.random() * table.length)]
        response.end(`${name} from worker ${ctx.workerId}, process ${process.pid}\n`)
      })
      await ctx.listen('http', http)
    },
  },
})

await server.run()
