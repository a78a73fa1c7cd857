// The descriptors of a worker: its standard streams, its pipes to the supervisor, its sockets. What the forkserver has beside them is
// closed.
import { closeSync, constants, openSync, statSync } from 'node:fs'
import { duplicateFdAbove, moveFd } from '../../os/duplicate-fd.ts'
import { socketVariable, VARIABLES } from '../../wire/worker-environment.ts'
import { INHERIT, type StartOrder } from './start-order.ts'

const STDIN = 0
/** Above every number that a socket is to have. */
const HIGH = 512
const OUTPUT_MODE = 0o640

/** @throws OsError, or Error of node:fs, saying what could not be opened @returns the variables that name the descriptors */
export function takeFiles(order: StartOrder, inherited: readonly number[]): Record<string, string> {
  const outputs = [order.stdout, order.stderr].map((path) => (path === INHERIT ? null : openOutput(path)))
  const variables = takeSockets(order, inherited)
  for (const [index, fd] of outputs.entries()) if (fd !== null) moveFd(fd, index + 1)
  if (order.notify !== null) variables[VARIABLES.notifyFd] = String(openSync(order.notify, constants.O_RDWR))
  if (order.commands !== null) variables[VARIABLES.commandFd] = String(openSync(order.commands, constants.O_RDWR))
  return variables
}

/** A FIFO for reading, too: its writer never gets EPIPE then, nor waits for a reader when it opens it. */
function openOutput(path: string | null): number {
  if (path === null) return openSync('/dev/null', 'w')
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) return openSync(path, constants.O_RDWR)
  return openSync(path, 'a', OUTPUT_MODE)
}

/** By way of high numbers, so that two may change places. */
function takeSockets(order: StartOrder, inherited: readonly number[]): Record<string, string> {
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
  return variables
}

function stdinOf({ stdinSocket, sockets }: StartOrder): number {
  if (stdinSocket === null) return openSync('/dev/null', 'r')
  const fd = sockets[stdinSocket]
  if (fd === undefined) throw new Error(`there is no socket ${stdinSocket} for its standard input`)
  return duplicateFdAbove(fd, HIGH)
}
