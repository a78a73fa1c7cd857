// The small C programs are compiled on the spot: floors must be floors of this machine.
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'

const NAMES = [
  'beacon',
  'pauser',
  'standby',
  'floor-restart',
  'floor-start',
  'floor-many',
  'stopwatch',
  'http-clients',
] as const

export type CProgram = (typeof NAMES)[number]

/** @returns the path of each program. @throws if there is no C compiler or it complains */
export function compilePrograms(root: string, directory: string): Readonly<Record<CProgram, string>> {
  const compiler = process.env.CC ?? 'cc'
  const paths = NAMES.map((name) => {
    const path = join(directory, name)
    const source = join(root, 'bench/c', `${name}.c`)
    const { status, stderr, error } = spawnSync(compiler, ['-O2', '-D_GNU_SOURCE', '-Wall', '-o', path, source], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${compiler} ${source}: ${error?.message ?? stderr}`)
    chmodSync(path, 0o755)
    return [name, path] as const
  })
  return Object.fromEntries(paths) as Record<CProgram, string>
}
