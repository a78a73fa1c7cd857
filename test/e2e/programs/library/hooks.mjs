// A server whose functions do what `acts` of its options says: throw, reject, never end, say something.
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const note = (text) => appendFileSync(join(directory, 'notes.txt'), `${text}\n`)
const read = (file) => JSON.parse(readFileSync(join(directory, file), 'utf8'))
const { acts = {}, ...options } = read('options.json')

const act = (name) => {
  note(name)
  if (acts[name] === 'throw') throw new Error(`${name} does not like it`)
  if (acts[name] === 'reject') return Promise.reject(new TypeError(`${name} does not like it`))
  if (acts[name] === 'hang') return new Promise((resolve) => setTimeout(resolve, 100_000))
  while (acts[name] === 'loop');
  if (acts[name] === 'say') console.log(`${name} was here`)
}

await defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  async config() {
    await act('config')
    return read('config.json')
  },
  server: Object.fromEntries(
    ['initialize', 'beforeRun', 'afterStart', 'afterRun', 'reloadConfig'].map((name) => [name, () => act(name)]),
  ),
  worker: {
    async run(ctx) {
      note(`worker.run ${process.pid}`)
      if (acts.run === 'return') return
      ctx.ready()
      await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve))
      await new Promise((resolve) => setTimeout(resolve, 50))
      note('worker.run has finished')
    },
    stop: () => act('worker.stop'),
    reload({ say, lines = 0, finishing = false }, ctx) {
      if (finishing) setTimeout(() => ctx.finishing(), 10)
      for (let line = 0; line < lines; line++) console.log(say)
    },
  },
  ...options,
}).run()
