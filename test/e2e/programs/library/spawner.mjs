// Workers of type `spawn`: any program. Options come from a file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineServer } from 'holdfast'

const directory = process.env.E2E_SCENE
const options = JSON.parse(readFileSync(join(directory, 'options.json'), 'utf8'))

await defineServer({
  name: 'shop',
  runtimeDir: join(directory, 'run'),
  logDir: join(directory, 'log'),
  pidFile: join(directory, 'shop.pid'),
  workerType: 'spawn',
  ...options,
}).run()
