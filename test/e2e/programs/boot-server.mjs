// node boot-server.mjs tcp|http PORT: not ready before the file `go` is there. `tcp` listens only then; `http` answers 503.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'

const [, , kind, port] = process.argv
const server = createServer((_request, response) => {
  response.statusCode = existsSync('go') ? 204 : 503
  response.end()
})
const listen = () => server.listen(Number(port), '127.0.0.1')
if (kind === 'http') listen()
else {
  const look = setInterval(() => {
    if (!existsSync('go')) return
    clearInterval(look)
    listen()
  }, 20)
}
