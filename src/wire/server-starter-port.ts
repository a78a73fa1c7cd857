// SERVER_STARTER_PORT, by which start_server hands sockets on: `0.0.0.0:80=3;[::]:80=4;/tmp/app.sock=5`, also `80=3`.

export type StarterSocket =
  /** `host` null: only a port was given, that is every address. IPv6 without brackets. */
  | { readonly kind: 'tcp'; readonly host: string | null; readonly port: number; readonly fd: number }
  | { readonly kind: 'unix'; readonly path: string; readonly fd: number }

/** Entries that are not well formed are left out. */
export function parseServerStarterPort(text: string): StarterSocket[] {
  return text.split(';').flatMap((entry) => {
    const socket = parseEntry(entry.trim())
    return socket === null ? [] : [socket]
  })
}

/** Throws RangeError for a path with `;`, which the format cannot say. */
export function formatServerStarterPort(sockets: readonly StarterSocket[]): string {
  return sockets.map((socket) => `${formatKey(socket)}=${socket.fd}`).join(';')
}

function parseEntry(entry: string): StarterSocket | null {
  // The last `=`: a path may contain one.
  const match = /^(.+)=(\d{1,9})$/.exec(entry)
  if (match === null) return null
  const [, key = '', digits] = match
  const fd = Number(digits)
  if (key.startsWith('/') || key.startsWith('./')) return { kind: 'unix', path: key, fd }
  const address = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(key)
  // start_server takes a relative path for a unix socket as well: what is no address is one.
  if (address === null) return key.includes(':') ? null : { kind: 'unix', path: key, fd }
  const [, ipv6, ipv4, port] = address
  return Number(port) > 65_535 ? null : { kind: 'tcp', host: ipv6 ?? ipv4 ?? null, port: Number(port), fd }
}

function formatKey(socket: StarterSocket): string {
  if (socket.kind === 'unix') {
    if (socket.path.includes(';')) throw new RangeError(`SERVER_STARTER_PORT cannot name ${socket.path}`)
    return socket.path
  }
  if (socket.host === null) return String(socket.port)
  return socket.host.includes(':') ? `[${socket.host}]:${socket.port}` : `${socket.host}:${socket.port}`
}
