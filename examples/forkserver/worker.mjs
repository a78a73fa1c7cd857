// Run in each worker. What it imports is there already.
import { createServer } from 'node:http'
import { worker } from 'holdfast/worker'
import { byBeginning } from './app.mjs'

const server = createServer((request, response) => {
  const asked = decodeURIComponent(request.url.slice(1)).toLowerCase()
  const found = (byBeginning.get(asked.slice(0, 4)) ?? []).filter((word) => word.startsWith(asked))
  response.setHeader('Content-Type', 'application/json')
  response.end(`${JSON.stringify({ worker: worker.slot, pid: process.pid, found: found.length, first: found[0] })}\n`)
})

await worker.listen('http', server)
worker.ready()
