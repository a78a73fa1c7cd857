import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { BenchRun } from '../bench-run.ts'

/** Runs `command` under a PM2 daemon of its own. False: PM2 is neither in PATH nor in bench/node_modules. */
export async function startPm2(run: BenchRun, command: readonly string[]): Promise<boolean> {
  const { root, scratch } = run
  const places = [join(root, 'bench/node_modules/.bin'), ...(process.env.PATH ?? '').split(delimiter)]
  const pm2 = places.map((place) => join(place, 'pm2')).find(existsSync)
  if (pm2 === undefined) return false
  const directory = scratch.makeDirectory('pm2')
  const env = { PM2_HOME: join(directory, 'home'), PM2_DISCRETE_MODE: 'true' }
  const [script, ...args] = command
  const ecosystem = join(directory, 'ecosystem.json')
  // A beacon that dies young must not be given up.
  const app = { name: 'beacon', script, args, interpreter: 'none', exec_interpreter: 'none', max_restarts: 1_000_000 }
  writeFileSync(ecosystem, JSON.stringify({ apps: [app] }))
  scratch.defer(async () => {
    await scratch.run(pm2, ['kill'], { env })
  })
  const { code, stdout, stderr } = await scratch.run(pm2, ['start', ecosystem], { env })
  if (code !== 0) throw new Error(`pm2 start: ${stdout}${stderr}`)
  return true
}
