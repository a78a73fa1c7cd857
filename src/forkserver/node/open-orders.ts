// Where the orders come from: descriptors that the environment names, of Holdfast's protocol or of ControlFreak's.
import { ControlFreakOrders } from './controlfreak-orders.ts'
import type { StartOrder } from './start-order.ts'
import type { Answer } from './supervisor-link.ts'
import { SupervisorOrders } from './supervisor-orders.ts'

export interface Orders {
  answer(answer: Answer): void
  /** From now on it is `start` that is called, for what came before, too. `hasProgram`: what was loaded can be run. */
  beginWith(start: (order: StartOrder) => void, hasProgram: boolean): void
  /** Why nothing comes of it; the process ends. */
  giveUp(error: string): void
  end(code: number): void
  /** In a forked child: it is no business of the child's. */
  abandon(): void
  /** Where the workers are children of this process: it is told of each. */
  readonly onChild: ((order: StartOrder, pid: number) => void) | null
}

const OLD_SOCKET = '_CFK_SOCK_'

/** @throws Error where no descriptor is named */
export function openOrders(): Orders {
  if (process.env._CFK_COMMAND_FD === undefined) {
    return new SupervisorOrders({ commands: takeFd('HOLDFAST_FORK_COMMANDS'), status: takeFd('HOLDFAST_FORK_STATUS') })
  }
  const log = process.env._CFK_LOG_FD === undefined ? null : takeFd('_CFK_LOG_FD')
  const sockets = Object.entries(process.env).filter(([name]) => name.startsWith(OLD_SOCKET))
  return new ControlFreakOrders(
    { commands: takeFd('_CFK_COMMAND_FD'), status: takeFd('_CFK_STATUS_FD'), log },
    Object.fromEntries(sockets.map(([name, fd]) => [name.slice(OLD_SOCKET.length), Number(fd)])),
  )
}

function takeFd(variable: string): number {
  const value = process.env[variable]
  delete process.env[variable]
  const fd = Number(value)
  if (value === undefined || !Number.isInteger(fd) || fd < 0) throw new Error(`${variable} names no file descriptor`)
  return fd
}
