import { worker } from 'holdfast/worker'

const http = process.getBuiltinModule('node:http')

const server = http.createServer((request, response) => {
  if (request.url === '/hang') {
    console.log('computing the last digit of pi')
    for (;;);
  }
  response.end(`worker ${worker.slot}, pid ${process.pid}\n`)
})

await worker.listen('hung', server)
worker.ready()
