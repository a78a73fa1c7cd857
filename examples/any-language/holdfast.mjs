// A config may also be a module that exports it: here services are included only where their interpreter is installed.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const languages = {
  node: { command: ['node', 'worker.mjs'], port: 8110 },
  python: { command: ['python3', 'worker.py'], port: 8111 },
  perl: { command: ['perl', 'worker.pl'], port: 8112 },
  ruby: { command: ['ruby', 'worker.rb'], port: 8113 },
  sh: { command: ['sh', 'worker.sh'], port: null },
}

const installed = (program) =>
  (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const config = {
  name: 'any-language',
  sockets: {},
  defaults: { ready: 'notify', heartbeat: { interval: '1s', timeout: '5s' } },
  services: {},
}

for (const [name, { command, port }] of Object.entries(languages)) {
  if (!installed(command[0])) continue
  // A socket for each language: Node makes the one it listens on non-blocking, for everybody who shares it.
  if (port !== null) config.sockets[name] = `tcp://127.0.0.1:${port}`
  config.services[name] = { command, sockets: port === null ? [] : [name] }
}

export default config
