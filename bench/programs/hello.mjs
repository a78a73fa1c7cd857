// The same small server in three ways: hello.mjs bare|cluster|holdfast
import cluster from 'node:cluster'

const http = process.getBuiltinModule('node:http')
const body = Buffer.from(`${'hello '.repeat(20)}\n`)
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length })
  response.end(body)
})

switch (process.argv[2]) {
  case 'holdfast': {
    const { worker } = await import('holdfast/worker')
    await worker.listen('http', server)
    worker.ready()
    break
  }
  case 'cluster':
    if (cluster.isPrimary) primary()
    else server.listen(0, '127.0.0.1')
    break
  default:
    server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

function primary() {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    if (++listening === 2) console.log(port)
  })
  for (let count = 0; count < 2; count++) cluster.fork()
}
