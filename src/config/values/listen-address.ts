import { isIPv4, isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import type { ListenAddress } from '../effective.ts'
import { Refusal, scalar, type ValueType, wrongValue } from '../value-type.ts'
import { plainValue, shorten, textOf } from '../written-scalar.ts'
import { orVariable, readText } from './scalars.ts'

const HINT = 'Write tcp://HOST:PORT, tcp6://[HOST]:PORT, udp://HOST:PORT or unix:PATH; port 0 is any free one.'
const FORM = /^(tcp|tcp4|tcp6|udp|udp4|udp6):\/\/(.*):(\d{1,5})\/?$/

export const listenAddress: ValueType<ListenAddress, string> = scalar(
  'address',
  orVariable({ type: 'string', pattern: '^(unix:.+|(tcp|udp)[46]?://.*:[0-9]{1,5}/?)$' }),
  (raw, context) => {
    const text = readText(raw, 'an address', insteadOfAddress(raw))
    return text instanceof Refusal ? text : parseListenAddress(text, context.directory)
  },
)

/** `tcp://0.0.0.0:8080`, `tcp6://[::]:80`, `udp://:53`, `unix:run/app.sock`. An empty host or `*` is every address. */
export function parseListenAddress(text: string, directory: string): ListenAddress | Refusal {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    if (path === '') return wrongValue('the path of the unix socket is missing', HINT)
    return { family: 'unix', path: resolve(directory, path) }
  }
  const match = FORM.exec(text)
  if (match === null) return wrongValue(`"${shorten(text)}" is not an address to listen on`, insteadOfAddress(text))
  const [, scheme = '', bracketed = '', portText = ''] = match
  const port = Number(portText)
  if (port > 65535) return wrongValue(`${portText} is not a port`, 'Ports go from 0 (any free one) to 65535.', portText)
  const host = bracketed.replace(/^\[(.*)\]$/, '$1')
  const transport = scheme.startsWith('tcp') ? 'tcp' : 'udp'
  const version = scheme.endsWith('6') || isIPv6(host) ? 6 : 4
  return checkHost(host, `${transport}${version}`, port, scheme)
}

/** `8080`, `:8080`, `localhost:8080`, `http://0.0.0.0:80`, `./app.sock`: how it is written here. */
export function insteadOfAddress(raw: unknown): string {
  const value = plainValue(raw)
  const text = typeof value === 'number' ? String(value) : (textOf(raw) ?? '').trim()
  const [, host = '', port] =
    /^(?:(?:tcp|https?|listen):?(?:\/\/)?)?(?:\[?([^\s/]*?)\]?:)?(\d{1,5})\/?$/i.exec(text) ?? []
  if (port !== undefined && Number(port) <= 65535 && !/^\d+$/.test(host)) {
    if (isIPv6(host)) return `Write tcp6://[${host}]:${port}.`
    if (host !== '' && host !== '*') return `Write tcp://${host}:${port}.`
    return `Write tcp://0.0.0.0:${port}, or tcp://127.0.0.1:${port} for this machine only.`
  }
  if (/^\.{0,2}\/|\.sock(et)?$/.test(text) && !text.includes(':')) return `Write unix:${shorten(text)}.`
  if (/^(tcp|udp)[46]?:\/\/[^\s/:]+\/?$/.test(text))
    return `The port is missing: ${shorten(text.replace(/\/$/, ''))}:8080.`
  return HINT
}

function checkHost(
  host: string,
  family: 'tcp4' | 'tcp6' | 'udp4' | 'udp6',
  port: number,
  scheme: string,
): ListenAddress | Refusal {
  const isSix = family.endsWith('6')
  if (host === '' || host === '*') return { family, host: isSix ? '::' : '0.0.0.0', port }
  if (isSix && isIPv4(host))
    return wrongValue(`${host} is not an IPv6 address`, `Use ${scheme.replace('6', '')}://${host}:${port}.`)
  if (scheme.endsWith('4') && isIPv6(host))
    return wrongValue(`${host} is not an IPv4 address`, `Use ${scheme.replace('4', '6')}://[${host}]:${port}.`)
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) return wrongValue(`${host} is not an IPv4 address`, HINT, host)
  if (host.includes(':') && !isIPv6(host)) return wrongValue(`${host} is not an IPv6 address`, HINT, host)
  if (!/^[\w.:%-]+$/.test(host)) return wrongValue(`"${shorten(host)}" is not a host`, HINT, host)
  return { family, host, port }
}

/** `tcp://0.0.0.0:8080`, `tcp6://[::]:80`, `unix:/run/app.sock` */
export function formatListenAddress(address: ListenAddress): string {
  if (address.family === 'unix') return `unix:${address.path}`
  const { family, host, port } = address
  return family.endsWith('6') ? `${family}://[${host}]:${port}` : `${family.slice(0, -1)}://${host}:${port}`
}
