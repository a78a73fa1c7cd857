import { basename } from 'node:path'
import type { Declared, DeclaredSocket } from './declared.ts'
import type { ListenAddress, ServiceSpec, SocketSpec } from './effective.ts'
import type { Findings } from './findings.ts'
import { formatListenAddress } from './values/listen-address.ts'

/** sun_path has 108 bytes, the last of them 0. */
export const LONGEST_SOCKET_PATH = 107

export function isTooLongForSocket(path: string): boolean {
  return Buffer.byteLength(path) > LONGEST_SOCKET_PATH
}

export function checkSockets(declared: Declared, specs: ReadonlyMap<string, SocketSpec>, findings: Findings): void {
  const earlier: SocketSpec[] = []
  for (const socket of declared.sockets.values()) {
    const spec = specs.get(socket.name)
    if (spec === undefined) continue
    const taken = earlier.find((other) => overlap(other, spec))
    if (taken !== undefined) {
      const detail = {
        problem: `${formatListenAddress(spec.listen)} is already taken by socket "${taken.name}"`,
        mend: 'Give each its own address.',
      }
      findings.error(socket.at('listen'), 'value', 'HF_CONFIG_CONFLICT', detail)
    }
    earlier.push(spec)
    checkAddress(socket, spec, findings)
  }
}

function checkAddress(socket: DeclaredSocket, { listen }: SocketSpec, findings: Findings): void {
  if (listen.family === 'unix') {
    if (!isTooLongForSocket(listen.path)) return
    const problem = `the path has ${Buffer.byteLength(listen.path)} bytes, more than ${LONGEST_SOCKET_PATH}: ${listen.path}`
    findings.error(socket.at('listen'), 'value', 'HF_CONFIG_VALUE', {
      problem,
      mend: 'The kernel takes no longer ones; choose a shorter directory.',
    })
    return
  }
  for (const key of ['mode', 'user', 'group'] as const) {
    if (socket.settings[key] === undefined || socket.settings[key] === null) continue
    findings.warn(
      socket.at(key),
      'key',
      `${key} has no effect on ${formatListenAddress(listen)}`,
      'Only unix sockets have permissions.',
    )
  }
}

/** Whether the kernel would refuse to bind both. */
function overlap(a: SocketSpec, b: SocketSpec): boolean {
  if (a.listen.family === 'unix' || b.listen.family === 'unix') {
    return a.listen.family === 'unix' && b.listen.family === 'unix' && a.listen.path === b.listen.path
  }
  if (a.listen.port === 0 || a.listen.port !== b.listen.port) return false
  if (a.listen.family.slice(0, 3) !== b.listen.family.slice(0, 3)) return false
  if (a.listen.family === b.listen.family)
    return sameHost(a.listen) === sameHost(b.listen) || isAny(a.listen) || isAny(b.listen)
  const six = a.listen.family.endsWith('6') ? a : b
  // An IPv6 wildcard that also takes IPv4 needs the port of both.
  return !six.v6only && isAny(six.listen)
}

function isAny(listen: ListenAddress): boolean {
  return listen.family !== 'unix' && (listen.host === '0.0.0.0' || listen.host === '::')
}

function sameHost(listen: ListenAddress): string {
  if (listen.family === 'unix') return listen.path
  return listen.host === 'localhost' ? (listen.family.endsWith('6') ? '::1' : '127.0.0.1') : listen.host
}

/** Who shares a socket with whom, and under which names the workers would find them. */
export function warnSharing(
  declared: Declared,
  specs: ReadonlyMap<string, ServiceSpec>,
  sockets: ReadonlyMap<string, SocketSpec>,
  findings: Findings,
): void {
  for (const socket of declared.sockets.values()) {
    const users = [...specs.values()].filter((service) => service.sockets.includes(socket.name))
    const node = users.find(isNode)
    const other = users.find((service) => !isNode(service))
    if (node === undefined || other === undefined || sockets.get(socket.name)?.nonblocking) continue
    findings.warn(
      socket.at(),
      'key',
      `${node.name} (Node) and ${other.name} share this socket`,
      'Node makes it non-blocking for both; a program that blocks in accept(2) then fails. Give each a socket, or set nonblocking: true if both can do with it.',
    )
  }
  for (const service of declared.services.values()) warnSameVariable(service, findings)
}

function warnSameVariable(
  service: { settings: { sockets?: readonly string[] }; at: DeclaredSocket['at'] },
  findings: Findings,
): void {
  const variables = (service.settings.sockets ?? []).map(
    (name) => `HOLDFAST_SOCKET_${name.toUpperCase().replaceAll('-', '_')}`,
  )
  const twice = variables.findIndex((name, index) => variables.indexOf(name) < index)
  if (twice < 0 || new Set(service.settings.sockets).size < variables.length) return
  findings.warn(
    service.at('sockets', twice),
    'value',
    `two sockets would both be ${variables[twice]}`,
    'Rename one of them.',
  )
}

function isNode({ command, forkserver }: ServiceSpec): boolean {
  if (forkserver === null) return isNodeCommand(command)
  return forkserver.command === null ? forkserver.runtime === 'node' : isNodeCommand(forkserver.command)
}

/** Whether a command starts Node; of a shell text the first word is looked at. */
function isNodeCommand(command: readonly string[]): boolean {
  const isShell = command[0] === '/bin/sh' && command[1] === '-c'
  const words = isShell ? (command[2] ?? '').trim().split(/\s+/) : command
  const program = words.find((word) => !/^(exec|env|\/usr\/bin\/env)$/.test(word) && !/^\w+=/.test(word)) ?? ''
  return /^(node|nodejs|npm|npx|tsx|yarn|pnpm)$/.test(basename(program))
}
