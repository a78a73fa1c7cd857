// A web worker whose ways to fail are set by its environment: BOOT = exit | hang | die-later.
import { createServer } from 'node:http'
import { worker } from 'holdfast/worker'

if (process.env.BOOT === 'exit') {
  console.error('cannot find the database')
  process.exit(4)
}
const server = createServer((request, response) => {
  if (request.url === '/hang') {
    for (;;);
  }
  const body = `${process.pid} ${worker.generation}`
  response.setHeader('content-length', body.length)
  response.end(body)
})
await worker.listen('http', server)
if (process.env.BOOT !== 'hang') worker.ready()
if (process.env.BOOT === 'die-later') setTimeout(() => process.exit(5), 200)
