// A program that is its own prefork server: `node shop.mjs start`, `status`, `reload`, `rolling-restart`, `stop`.
import { createServer } from 'node:http'
import { defineServer } from 'holdfast'

export const server = defineServer({
  name: 'shop',
  workers: 2,
  sockets: { http: 'tcp://127.0.0.1:8090' },
  config: () => ({ greeting: process.env.GREETING ?? 'hello' }),
  worker: {
    async run(ctx) {
      const http = createServer((_request, response) => {
        response.end(`${ctx.config.greeting} from worker ${ctx.workerId}, process ${process.pid}\n`)
      })
      await ctx.listen('http', http)
    },
  },
})

await server.run()
