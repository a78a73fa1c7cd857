// The lines that a supervisor sends.
import { isObject, readStartOrder, type StartOrder } from './start-order.ts'

const QUOTED = 200

export type Order = { readonly is: 'start'; readonly order: StartOrder } | { readonly is: 'quit' }

/** Null for an empty line. @throws Error saying what is wrong with it */
export function readOrder(line: string): Order | null {
  if (line.trim() === '') return null
  try {
    const message: unknown = JSON.parse(line)
    if (isObject(message) && message.quit !== undefined) return { is: 'quit' }
    if (isObject(message) && message.start !== undefined) return { is: 'start', order: readStartOrder(message.start) }
    throw new Error('no message that is known')
  } catch (error) {
    throw new Error(`not understood: ${(error as Error).message}: ${line.slice(0, QUOTED)}`)
  }
}
