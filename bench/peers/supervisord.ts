import { existsSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { BenchRun } from '../bench-run.ts'

/** Runs `command` under a supervisord of its own. False: it is not in PATH. */
export async function startSupervisord({ scratch }: BenchRun, command: readonly string[]): Promise<boolean> {
  const places = (process.env.PATH ?? '').split(delimiter)
  const supervisord = places.map((place) => join(place, 'supervisord')).find(existsSync)
  if (supervisord === undefined) return false
  const directory = scratch.makeDirectory('supervisord')
  const config = join(directory, 'supervisord.conf')
  // startsecs=0: a beacon that dies young is no failure, so that no pause is made before its successor.
  writeFileSync(
    config,
    `[supervisord]
nodaemon=true
logfile=${join(directory, 'supervisord.log')}
pidfile=${join(directory, 'supervisord.pid')}
childlogdir=${directory}

[program:beacon]
command=${command.join(' ')}
autorestart=true
startsecs=0
`,
  )
  scratch.spawnServer(supervisord, ['-c', config], { stdio: 'ignore' })
  return true
}
