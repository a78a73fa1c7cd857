// The whole protocol in Node without the SDK: a socket, a line to say ready, a line now and then, a line (or TERM) to stop.
// 'holdfast/worker' does this and more: a drain that keeps keep-alive clients, heartbeats at 1.4 µs, request deadlines.
import { constants, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { createInterface } from 'node:readline'

const http = process.getBuiltinModule('node:http')
const { HOLDFAST_NOTIFY_FD, HOLDFAST_COMMAND_FD, HOLDFAST_SOCKET_NODE, HOLDFAST_BACKLOG_NODE } = process.env
const notify = openSync(`/proc/self/fd/${HOLDFAST_NOTIFY_FD}`, constants.O_WRONLY | constants.O_NONBLOCK)

function say(text) {
  try {
    writeSync(notify, `${text}\n`)
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error // EAGAIN: no supervisor reads at the moment; go on without
  }
}

const server = http.createServer((_request, response) => {
  response.setHeader('Connection', 'close')
  response.end(`hello from node, pid ${process.pid}\n`)
})

let stopping = false
function stop() {
  if (stopping) return
  stopping = true
  say('STOPPING=1')
  server.close(() => process.exit())
}

process.on('SIGTERM', stop)
const commands = new Socket({ fd: Number(HOLDFAST_COMMAND_FD), readable: true, writable: false })
createInterface({ input: commands }).on('line', (line) => {
  if ('stop' in JSON.parse(line)) stop()
})

// Without the backlog Node would call listen(2) with 511, on a socket that others share.
server.listen({ fd: Number(HOLDFAST_SOCKET_NODE) }, Number(HOLDFAST_BACKLOG_NODE ?? 1024), () => {
  say('READY=1')
  setInterval(() => say('WATCHDOG=1'), 1000)
})
