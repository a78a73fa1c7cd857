// A server with signals of its own: each leaves a line in a file. It also speaks in each of the ways that there are.
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLogger, defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (text) => appendFileSync(join(directory, 'notes.txt'), `${text}\n`)
const own = createLogger({ to: join(directory, 'own.log') })
let server
let nested = 0

await defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  config: () => JSON.parse(readFileSync(join(directory, 'config.json'), 'utf8')),
  signals: {
    USR1: 'ignore',
    USR2: [(signal) => note(signal), 'reload'],
    // Raises itself from within, twice.
    SIGWINCH() {
      note(`WINCH ${++nested}`)
      if (nested < 3) process.kill(process.pid, 'SIGWINCH')
    },
    CONT() {
      throw new Error('this handler fails as it was told to')
    },
    HUP: () => server.stop(),
  },
  server: {
    initialize() {
      console.log('said by initialize')
      own.info('written by initialize')
    },
    beforeRun: (running) => {
      server = running
    },
    reloadConfig: () => note('reloadConfig'),
  },
  worker: {
    run(ctx) {
      console.log('said by run')
      ctx.logger.warn('logged by run')
      own.warn('written by run')
      ctx.ready()
      return new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
    },
  },
  ...JSON.parse(readFileSync(join(directory, 'options.json'), 'utf8')),
}).run()
