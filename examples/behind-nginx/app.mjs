import { worker } from 'holdfast/worker'

const http = process.getBuiltinModule('node:http')

const server = http.createServer((request, response) => {
  const client = request.headers['x-forwarded-for'] ?? request.socket.remoteAddress
  response.end(`hello ${client}, this is worker ${worker.slot}, generation ${worker.generation}\n`)
})

await worker.listen('app', server, { port: 8091, host: '127.0.0.1' })
worker.ready()
