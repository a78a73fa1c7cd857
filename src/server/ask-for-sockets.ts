// The side that asks: a worker its server for one socket, a new server the one before it for all.
import { closeFd } from '../os/close-fd.ts'
import { OsError } from '../os/os-error.ts'
import { receiveWithFds, sendWithFds } from '../os/pass-fd.ts'
import { pollReadable } from '../os/poll-handle.ts'
import { connectUnix } from '../os/unix-connect.ts'
import type { HandedSocket, OpenedSocket, SocketAnswer, SocketRequest, SocketWish } from '../wire/socket-request.ts'

/** Where a server is asked for sockets. */
export interface DeskPlace {
  readonly path: string
  readonly secret: string
}

/** Close-on-exec, and the caller's to close. */
export interface Received<T> {
  readonly socket: T
  readonly fd: number
}

/** Milliseconds in all. */
const WORKER_PATIENCE = 10_000
/** Milliseconds until the next try where too many wait to be heard. */
const TRY_AGAIN = 20

/** @throws Error as Node's `listen` does, with code, syscall, address and port */
export async function askForSocket({ path, secret }: DeskPlace, open: SocketWish): Promise<Received<OpenedSocket>> {
  const { answers, fds } = await ask(path, { secret, open }, WORKER_PATIENCE)
  const [answer] = answers
  const [fd] = fds
  if (answer !== undefined && 'opened' in answer && fd !== undefined && fds.length === 1)
    return { socket: answer.opened, fd }
  throw refused(answers, fds)
}

/** @param patience milliseconds @throws Error; nothing is left open then */
export async function askForAll({ path, secret }: DeskPlace, patience: number): Promise<Received<HandedSocket>[]> {
  const { answers, fds } = await ask(path, { secret, all: true }, patience)
  const sockets = answers.flatMap((answer) => ('sockets' in answer ? answer.sockets : []))
  const last = answers.at(-1)
  const whole = last !== undefined && 'sockets' in last && !last.more
  if (!whole || sockets.length !== fds.length) throw refused(answers, fds)
  return sockets.map((socket, index) => ({ socket, fd: fds[index] as number }))
}

interface Answered {
  readonly answers: readonly SocketAnswer[]
  /** In the order of the sockets in the answers. */
  readonly fds: readonly number[]
}

async function ask(path: string, request: SocketRequest, patience: number): Promise<Answered> {
  const until = performance.now() + patience
  const connection = await connectBefore(until, path)
  const { text, fds } = await exchange(connection, `${JSON.stringify(request)}\n`, until)
  try {
    // Its last line is whole, or the server died over it.
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
    return { answers: lines.filter((line) => line !== '').map((line) => JSON.parse(line) as SocketAnswer), fds }
  } catch (error) {
    closeAll(fds)
    throw error
  }
}

async function connectBefore(until: number, path: string): Promise<number> {
  for (;;) {
    const connection = connectBySystem(path)
    if (connection !== null) return connection
    if (performance.now() > until) throw late(path)
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN))
  }
}

function connectBySystem(path: string): number | null {
  try {
    return connectUnix(path)
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    const { code, syscall } = error
    const message = `the server can not be asked for a socket: ${error.message}`
    throw Object.assign(new Error(message, { cause: error }), { code, syscall, errno: -error.errno })
  }
}

/** All that comes until the other side ends. The connection is closed, whatever happens. */
function exchange(connection: number, request: string, until: number): Promise<{ text: string; fds: number[] }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const fds: number[] = []
    const finish = (error: unknown): void => {
      clearTimeout(timer)
      handle.close()
      closeFd(connection)
      if (error === null) return resolve({ text: Buffer.concat(chunks).toString(), fds })
      closeAll(fds)
      reject(error)
    }
    const receive = (): void => {
      try {
        for (;;) {
          const received = receiveWithFds(connection)
          if (received === null) return
          fds.push(...received.fds)
          if (received.bytes.length === 0) return finish(null)
          chunks.push(received.bytes)
        }
      } catch (error) {
        // It closed without reading on; what it had to say came before.
        finish(error instanceof OsError && error.code === 'ECONNRESET' ? null : error)
      }
    }
    const handle = pollReadable(connection, receive)
    const timer = setTimeout(() => finish(late('the server')), Math.max(0, until - performance.now()))
    try {
      const bytes = Buffer.from(request)
      if (sendWithFds(connection, bytes, []) < bytes.length) throw new Error('the request is too long to be sent')
    } catch (error) {
      // Refused before it was read: why is waiting to be read.
      if (!(error instanceof OsError && error.code === 'EPIPE')) finish(error)
    }
  })
}

function refused(answers: readonly SocketAnswer[], fds: readonly number[]): Error {
  closeAll(fds)
  const answer = answers.find((one) => 'error' in one)
  if (answer === undefined) return new Error('the server ended before it had answered the request for a socket')
  const { message, ...facts } = answer.error
  return Object.assign(new Error(message), facts)
}

function late(who: string): Error {
  const facts = { code: 'ETIMEDOUT', syscall: 'connect' }
  return Object.assign(new Error(`${who} does not answer the request for a socket`), facts)
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeFd(fd)
}
