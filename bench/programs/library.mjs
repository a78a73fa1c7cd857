// A server made with the library. What it is stands in BENCH_SERVER: options of defineServer as JSON, and what its workers do (`act`).
import { defineServer } from 'holdfast'
import { reportLife } from './report-life.mjs'

const { act, fifo, tag, ...options } = JSON.parse(process.env.BENCH_SERVER)
const body = Buffer.from(`${'hello '.repeat(20)}\n`)

const acts = {
  idle: (ctx) => ctx.ready(),
  /** Says that it lives, then waits to be killed. */
  beacon(ctx) {
    reportLife(fifo, tag)
    ctx.ready()
  },
  /** Says that it is main, with the pid of its server. */
  promoted(ctx) {
    ctx.onPromote(() => reportLife(fifo, tag, ctx.server.pid))
    ctx.ready()
  },
  hello: (ctx) => ctx.listen('http', helloServer()),
}

function helloServer() {
  return process.getBuiltinModule('node:http').createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length })
    response.end(body)
  })
}

/** A worker with nothing to do would end. */
function stay(ctx) {
  const timer = setInterval(() => {}, 1_000_000)
  ctx.signal.addEventListener('abort', () => clearInterval(timer))
}

const worker = {
  async run(ctx) {
    await acts[act](ctx)
    if (act !== 'hello') stay(ctx)
  },
}

await defineServer(options.workerType === 'spawn' ? options : { ...options, worker }).run()
