// Readiness probes over tcp, http and exec: every 250 ms, each 2 s at most, until one succeeds or nobody asks any more.
import type { Socket } from 'node:net'
import type { ReadySpec } from '../config/effective.ts'

const EVERY = 250
const EACH = 2_000

/** Runs a command for a probe; calls back with success; returns the cancellation. */
export type RunProbeCommand = (command: readonly string[], timeout: number, onEnd: (ok: boolean) => void) => () => void

/** @returns the cancellation; after it `onReady` is not called any more */
export function startProbe(ready: ReadySpec, run: RunProbeCommand, onReady: () => void): () => void {
  let cancelled = false
  let cancelOne: () => void = () => {}
  let timer: NodeJS.Timeout | null = null
  const attempt = (): void => {
    timer = null
    cancelOne = probeOnce(ready, run, (ok) => {
      if (cancelled) return
      if (ok) {
        cancelled = true
        return onReady()
      }
      timer = setTimeout(attempt, EVERY)
    })
  }
  // The first look after a moment: a server needs some to bind, and a refused connection costs both sides.
  timer = setTimeout(attempt, 20)
  return () => {
    cancelled = true
    if (timer !== null) clearTimeout(timer)
    cancelOne()
  }
}

function probeOnce(ready: ReadySpec, run: RunProbeCommand, onEnd: (ok: boolean) => void): () => void {
  switch (ready.by) {
    case 'tcp':
      return probeTcp(ready.host, ready.port, onEnd)
    case 'http':
      return probeHttp(ready.url, onEnd)
    case 'exec':
      return run(ready.command, EACH, onEnd)
    default:
      throw new Error(`ready by ${ready.by} is no probe (bug)`)
  }
}

function probeTcp(host: string, port: number, onEnd: (ok: boolean) => void): () => void {
  return converse(host, port, (socket, end) => socket.once('connect', () => end(true)), onEnd)
}

/** Any answer from 200 to 399. HTTP/1.0, so that the server closes; `Host` because virtual hosts want it. */
function probeHttp(url: string, onEnd: (ok: boolean) => void): () => void {
  const { hostname, host, port, pathname, search } = new URL(url)
  const request = `GET ${pathname}${search} HTTP/1.0\r\nHost: ${host}\r\nUser-Agent: holdfast\r\nConnection: close\r\n\r\n`
  return converse(
    hostname.replace(/^\[|\]$/g, ''),
    Number(port || 80),
    (socket, end) => {
      let head = ''
      socket.once('connect', () => socket.write(request))
      socket.on('data', (chunk) => {
        head += chunk.toString('latin1')
        const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)
        if (status) end(Number(status[1]) >= 200 && Number(status[1]) < 400)
        else if (head.length > 100) end(false)
      })
      socket.once('end', () => end(false))
    },
    onEnd,
  )
}

function converse(
  host: string,
  port: number,
  talk: (socket: Socket, end: (ok: boolean) => void) => void,
  onEnd: (ok: boolean) => void,
): () => void {
  const { connect } = process.getBuiltinModule('node:net')
  const socket = connect({ host, port })
  let over = false
  const end = (ok: boolean): void => {
    if (over) return
    over = true
    clearTimeout(deadline)
    socket.destroy()
    onEnd(ok)
  }
  const deadline = setTimeout(() => end(false), EACH)
  socket.on('error', () => end(false))
  talk(socket, end)
  return () => {
    over = true
    clearTimeout(deadline)
    socket.destroy()
  }
}
