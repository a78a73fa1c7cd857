// The HTTP side of the benchmark application. Each worker has a port of its own beside the one that all share, so that as many
// requests can be brought to each of them.
const { appendFileSync } = require('node:fs')
const http = require('node:http')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { answer } = require('./application.cjs')
const { reportLife } = require('../report-life.mjs')

const { BENCH_FIFO, BENCH_TAG, BENCH_PORTS } = process.env
let answered = 0

const own = {
  '/count': () => String(answered),
  /** Everything that nobody needs any more goes. */
  '/gc': () => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    return 'collected'
  },
}

const server = () =>
  http.createServer(({ url }, response) => {
    const act = own[url]
    if (act === undefined) answered++
    const body = Buffer.from(act === undefined ? answer() : act())
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
    response.end(body)
  })

/** Tells the benchmark that this worker answers. `slot`: which of them it is. @returns the server of its own */
async function ready(slot) {
  // Its own port is no part of the application.
  reportLife(BENCH_FIFO, Number(BENCH_TAG) + slot)
  const ownPort = server().listen({ port: 0, host: '127.0.0.1', exclusive: true })
  ownPort.unref()
  await new Promise((resolve) => ownPort.once('listening', resolve))
  appendFileSync(BENCH_PORTS, `${slot} ${process.pid} ${ownPort.address().port}\n`)
  return ownPort
}

module.exports = { server, ready }
