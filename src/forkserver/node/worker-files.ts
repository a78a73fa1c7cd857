// The descriptors of a worker: its standard streams, its pipes to the supervisor, its sockets. What the forkserver has beside them is
// closed.
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { duplicateFdAbove, moveFd } from '../../os/duplicate-fd.ts'
import { socketVariable, VARIABLES } from '../../wire/worker-environment.ts'
import { INHERIT, type StartOrder } from './start-order.ts'

const STDIN = 0
/** Above every number that a socket is to have. */
export const HIGH = 512
const OUTPUT_MODE = 0o640

/** What a worker has of its own. */
export interface WorkerFiles {
  /** The variables that name them. */
  readonly variables: Readonly<Record<string, string>>
  readonly sockets: readonly number[]
  /** To and from the supervisor. */
  readonly pipes: readonly number[]
}

/** @throws OsError, or Error of node:fs, saying what could not be opened */
export function takeFiles(order: StartOrder, inherited: readonly number[]): WorkerFiles {
  const outputs = [order.stdout, order.stderr].map((path) => (path === INHERIT ? null : openOutput(path)))
  const { variables, sockets } = takeSockets(order, inherited)
  for (const [index, fd] of outputs.entries()) if (fd !== null) moveFd(fd, index + 1)
  const pipes: number[] = []
  for (const [variable, path] of [
    [VARIABLES.notifyFd, order.notify],
    [VARIABLES.commandFd, order.commands],
  ] as const) {
    if (path === null) continue
    const fd = openSync(path, constants.O_RDWR)
    variables[variable] = String(fd)
    pipes.push(fd)
  }
  return { variables, sockets, pipes }
}

/** A FIFO for reading, too: its writer never gets EPIPE then, nor waits for a reader when it opens it. */
export function openOutput(path: string | null): number {
  if (path === null) return openSync('/dev/null', 'w')
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) return openSync(path, constants.O_RDWR)
  return openSync(path, 'a', OUTPUT_MODE)
}

/** By way of high numbers, so that two may change places. */
function takeSockets(
  order: StartOrder,
  inherited: readonly number[],
): { readonly variables: Record<string, string>; readonly sockets: readonly number[] } {
  const variables: Record<string, string> = {}
  const moves = Object.entries(order.sockets).map(([name, fd]) => {
    const variable = socketVariable(name)
    const target = order.env[variable] ?? String(fd)
    variables[variable] = target
    return { high: duplicateFdAbove(fd, HIGH), target: Number(target) }
  })
  const stdin = stdinOf(order)
  for (const fd of inherited) closeSync(fd)
  for (const { high, target } of moves) moveFd(high, target)
  moveFd(stdin, STDIN)
  return { variables, sockets: moves.map(({ target }) => target) }
}

function stdinOf({ stdinSocket, sockets }: StartOrder): number {
  if (stdinSocket === null) return openSync('/dev/null', 'r')
  const fd = sockets[stdinSocket]
  if (fd === undefined) throw new Error(`there is no socket ${stdinSocket} for its standard input`)
  return duplicateFdAbove(fd, HIGH)
}
