// The control socket's file: bound under a name of its own, given its mode, then moved into place. So nobody meets it with
// the wrong mode, a stale file of a dead supervisor is replaced in one step, and libuv, which unlinks the name it bound
// when the server closes, never unlinks the socket of a later supervisor.
import { chmodSync, lstatSync, renameSync, rmSync, type Stats } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../errors/holdfast-error.ts'

/** sun_path holds 108 bytes, the last one NUL. */
const LONGEST_PATH = 107
/** A connect(2) on a full backlog of a unix socket fails with EAGAIN at once; the kernel cuts this to net.core.somaxconn. */
const BACKLOG = 4096
let bindings = 0

export interface ListeningSocket {
  readonly server: Server
  /** Whether a client would come to us: the file can be removed under us. */
  isInPlace(): boolean
  /** Removes the file (if it is still ours) and stops listening; connections stay. */
  close(): void
}

/** @throws HoldfastError HF_SOCKET_BIND: a living server is there, something else is, path too long, directory not writable. */
export async function listenOnSocketFile(
  path: string,
  mode: number,
  onConnection: (socket: Socket) => void,
): Promise<ListeningSocket> {
  const bound = join(dirname(path), `.${process.pid}.${++bindings}`)
  if (Math.max(Buffer.byteLength(path), Buffer.byteLength(bound)) > LONGEST_PATH) {
    throw cannotListen(
      path,
      `the path is longer than ${LONGEST_PATH} bytes`,
      'Set `runtimeDir` or `control.socket` to a shorter path.',
    )
  }
  await refuseOccupied(path)
  rmSync(bound, { force: true })
  // A client may end its side after the request (HTTP/1.0, `nc -N`) and still wants the answer.
  const server = createServer({ allowHalfOpen: true }, onConnection)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(cannotListen(path, `${error.code}`, 'Check that the directory exists and is yours.'))
    })
    server.listen({ path: bound, backlog: BACKLOG }, resolve)
  })
  // accept(2) can fail at any time (EMFILE): one client is not served then, and that is all.
  server.on('error', () => {})
  chmodSync(bound, mode)
  const ours = lstatSync(bound)
  renameSync(bound, path)
  const isInPlace = () => isSame(lstatSync(path, { throwIfNoEntry: false }), ours)
  return {
    server,
    isInPlace,
    close() {
      server.close()
      if (isInPlace()) rmSync(path, { force: true })
    },
  }
}

function isSame(now: Stats | undefined, ours: Stats): boolean {
  return now !== undefined && now.ino === ours.ino && now.dev === ours.dev
}

async function refuseOccupied(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return
  if (!found.isSocket())
    throw cannotListen(path, 'something that is not a socket is there', 'Move it away, or set `control.socket`.')
  if (await answers(path))
    throw cannotListen(path, 'another program listens there', 'Set `control.socket` to another path.')
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Everything else (EACCES, or EAGAIN for a full backlog) means that somebody listens.
    probe.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}

function cannotListen(path: string, problem: string, mend: string): HoldfastError {
  return new HoldfastError('HF_SOCKET_BIND', { socket: 'control', listen: `unix:${path}`, problem, mend })
}
