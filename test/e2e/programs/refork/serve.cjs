const { randomBytes, randomFillSync, randomUUID } = require('node:crypto')
const http = require('node:http')
const { worker } = require('holdfast/worker')
const { cache } = require('./app.cjs')

/** As libraries do it that need many random numbers. */
const reserve = Buffer.alloc(256)
randomFillSync(reserve)
randomUUID()

/** What answers tell of the worker. */
exports.serve = async (facts) => {
  const server = http.createServer((request, response) => {
    cache.set(request.url, process.pid)
    const random = [randomUUID(), Math.random(), randomBytes(8).toString('hex'), reserve.toString('hex')]
    response.end(JSON.stringify({ pid: process.pid, cached: cache.size, random, ...facts }))
  })
  worker.onStop(() => console.log(`stop of the entry in ${worker.slot}`))
  if (process.env.E2E_TIMER) setInterval(() => {}, 1_000)
  await worker.listen('http', server)
  worker.ready()
}
