import { type Sparse, setting, type Written } from '../setting.ts'
import { reportRefusal, type ValueType, wrongType } from '../value-type.ts'
import { objectOf } from '../values/collections.ts'
import { insteadOfAddress, listenAddress } from '../values/listen-address.ts'
import { permissionBits } from '../values/octal.ts'
import { account, boolean, integer, nullable } from '../values/scalars.ts'
import { isObject, textOf } from '../written-scalar.ts'

export const socketSettings = {
  listen: setting(listenAddress, {
    required: true,
    doc: 'Where to listen: `tcp://HOST:PORT`, `tcp6://[HOST]:PORT`, `udp://HOST:PORT`, `unix:PATH`. Port 0 is any free one.',
    knownElsewhereAs: ['address', 'bind', 'url'],
  }),
  backlog: setting(integer({ min: 1, max: 65535 }), {
    default: 1024,
    unit: 'connections',
    doc: 'How many connections may wait to be accepted. The kernel caps it at net.core.somaxconn.',
    reason: 'connections queue while workers are replaced',
  }),
  mode: setting(nullable(permissionBits), {
    default: null,
    doc: 'Permission bits of a unix socket, as `0660`. Left out: by umask.',
  }),
  user: setting(nullable(account), { default: null, doc: 'Owner of a unix socket.' }),
  group: setting(nullable(account), { default: null, doc: 'Group of a unix socket.' }),
  nonblocking: setting(boolean, {
    default: false,
    doc: 'Set O_NONBLOCK. It is shared by all processes that have the socket.',
    reason: 'workers that block in accept (Perl, Python) break with it; Node sets it itself',
  }),
  v6only: setting(boolean, {
    default: true,
    doc: 'An IPv6 socket takes no IPv4 connections.',
    reason: 'the same address means the same everywhere',
  }),
  queues: setting(integer({ min: 1, max: 1024 }), {
    default: 1,
    laterEngine: true,
    worksNow: [1],
    unit: 'listeners',
    doc: 'Listeners with SO_REUSEPORT, spread over the workers.',
  }),
} as const

const object = objectOf(socketSettings)

/** An address, or an object with more. */
export const socket: ValueType<Sparse<typeof socketSettings>, string | Written<typeof socketSettings>> = {
  name: 'address or object',
  get schema() {
    return { anyOf: [listenAddress.schema, object.schema] }
  },
  table: socketSettings,
  read(raw, path, context) {
    if (isObject(raw)) return object.read(raw, path, context)
    if (textOf(raw) === null) {
      const mend = `${insteadOfAddress(raw)} With more keys: { listen: …, backlog: 1024 }.`
      reportRefusal(wrongType('an address or an object with `listen`', raw, mend), path, context)
      return undefined
    }
    const listen = listenAddress.read(raw, path, context)
    return listen === undefined ? undefined : { listen }
  },
}
