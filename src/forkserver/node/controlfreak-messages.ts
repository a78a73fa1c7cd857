// Orders as ControlFreak's supervisor writes them to a proxy.
import { isObject, type StartOrder } from './start-order.ts'

export type ControlFreakOrder =
  | { readonly is: 'start'; readonly name: string; readonly message: Readonly<Record<string, unknown>> }
  | { readonly is: 'stop'; readonly name: string }

/** What names the proxy's own lines in the log. */
export const OWN_NAME = '-'

/** Null for an empty line. @throws Error in ControlFreak's own words */
export function readControlFreakOrder(line: string): ControlFreakOrder | null {
  if (line.trim() === '') return null
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    throw new Error(`parse error in command ${line}`)
  }
  if (isObject(message) && typeof message.name === 'string' && message.name !== OWN_NAME) {
    const { command, name } = message
    if (command === 'start') return { is: 'start', name, message }
    if (command === 'stop') return { is: 'stop', name }
  }
  throw new Error(`couldn't understand command ${line}`)
}

/** `true`, 1, `1`; as Perl has them, `0` and the empty text are not. */
export function isTrue(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== 0 && value !== '' && value !== '0'
}

/** The order for a worker. `hasProgram`: what the preload brings is run, whatever `cmd` says. @throws Error */
export function startOrderOf(
  name: string,
  message: Readonly<Record<string, unknown>>,
  sockets: Readonly<Record<string, number>>,
  hasProgram: boolean,
): Omit<StartOrder, 'token' | 'stdout' | 'stderr'> {
  const { cmd, env, tie_stdin_to: socket, no_new_session: noNewSession } = message
  const entry: unknown = Array.isArray(cmd) ? cmd[0] : cmd
  if (!hasProgram && (typeof entry !== 'string' || entry === '')) throw new Error('no cmd')
  const fd = typeof socket === 'string' ? sockets[socket] : undefined
  if (isTrue(socket) && fd === undefined) throw new Error(`no socket ${socket}`)
  return {
    id: name,
    entry: hasProgram ? null : (entry as string),
    env: {
      ...Object.fromEntries(Object.entries(isObject(env) ? env : {}).map(([key, value]) => [key, String(value)])),
      CONTROL_FREAK_ENABLED: '1',
      CONTROL_FREAK_SERVICE: name,
    },
    cwd: null,
    stdinSocket: fd === undefined ? null : String(socket),
    sockets: fd === undefined ? {} : { [String(socket)]: fd },
    notify: null,
    commands: null,
    user: null,
    umask: null,
    nice: 0,
    limits: {},
    session: !isTrue(noNewSession),
  }
}
