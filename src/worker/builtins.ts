// Node's own modules are taken when first needed: `import 'node:http'` costs 28 to 40 ms and 12 to 19 MB in an ES module
// program on Node 22 and later, and most workers never need net, dgram or util from here.
import type * as diagnosticsChannel from 'node:diagnostics_channel'
import type * as fs from 'node:fs'
import type * as net from 'node:net'
import type * as util from 'node:util'
import type * as workerThreads from 'node:worker_threads'

export const builtins = {
  fs: (): typeof fs => process.getBuiltinModule('node:fs'),
  net: (): typeof net => process.getBuiltinModule('node:net'),
  util: (): typeof util => process.getBuiltinModule('node:util'),
  diagnosticsChannel: (): typeof diagnosticsChannel => process.getBuiltinModule('node:diagnostics_channel'),
  workerThreads: (): typeof workerThreads => process.getBuiltinModule('node:worker_threads'),
}
