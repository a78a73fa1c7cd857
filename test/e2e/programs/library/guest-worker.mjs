import { createServer } from 'node:http'
import { isMainThread } from 'node:worker_threads'

export default {
  run: (ctx) =>
    ctx.listen(
      'http',
      createServer((_, response) => response.end(`${ctx.workerId} ${isMainThread}`)),
    ),
}
