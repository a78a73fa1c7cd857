// A small web application. Two of these run on one shared socket; Holdfast restarts them without dropping a request.
import { readFileSync } from 'node:fs'
import { worker } from 'holdfast/worker'

const http = process.getBuiltinModule('node:http')
const page = readFileSync(new URL('page.html', import.meta.url))
const startedAt = Date.now()
const streams = new Set()
let answered = 0

const self = () => ({
  worker: `${worker.service || 'web'}/${worker.slot}`,
  pid: process.pid,
  generation: worker.generation,
  uptime: Math.round((Date.now() - startedAt) / 1000),
  answered,
})

const routes = {
  '/': (response) => send(response, 200, 'text/html; charset=utf-8', page),
  '/whoami': (response) => json(response, 200, self()),
  '/slow': (response) => setTimeout(() => json(response, 200, { ...self(), slept: 3 }), 3_000),
  '/events': stream,
  '/crash': () => process.exit(1),
  '/hang': hang,
}

const server = http.createServer((request, response) => {
  answered++
  const { pathname } = new URL(request.url, 'http://localhost')
  const route = Object.hasOwn(routes, pathname) ? routes[pathname] : null
  if (route === null) return json(response, 404, { error: `no such page: ${pathname}` })
  if (request.method !== 'GET' && request.method !== 'HEAD') return json(response, 405, { error: 'GET only' })
  route(response, request)
})

function send(response, status, type, body) {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

function json(response, status, value) {
  send(response, status, 'application/json', `${JSON.stringify(value)}\n`)
}

// Server-sent events never end by themselves: a worker that is asked to stop ends them, and the browser connects again,
// to the next worker.
function stream(response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  response.write(`retry: 100\ndata: ${JSON.stringify(self())}\n\n`)
  streams.add(response)
  response.once('close', () => streams.delete(response))
}
worker.signal.addEventListener('abort', () => {
  for (const response of streams) response.end()
})

// Blocks the event loop. Without a heartbeat nobody would ever know; with one this worker is replaced after 10 s.
function hang() {
  console.error('hanging from now on')
  for (;;);
}

await worker.listen('http', server, { port: 8080, host: '127.0.0.1' })
worker.onStop(() => console.log(`stopping after ${answered} requests`))
worker.ready()
console.log(`ready, pid ${process.pid}, generation ${worker.generation}`)
