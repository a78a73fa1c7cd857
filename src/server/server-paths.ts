// What the options say, as the processes of a server need it.
import { dirname, resolve } from 'node:path'
import { describeValue } from '../config/written-scalar.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { ServerOptions } from './server-options.ts'

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/

/**
 * Relative paths are relative to the program, wherever it is started from. Main and standby need a supervisor.
 * @throws HoldfastError HF_CONFIG_INVALID where the server could not even be looked for: its name and the paths are checked for
 * each command, `stop` and `status` too; everything else at a start
 */
export function withPathsFrom<Config>(program: string, options: ServerOptions<Config>): ServerOptions<Config> {
  requirePlaceable(options)
  const { pidFile, slots, upgrade, serverProcess } = options
  const path = (given: string): string => resolve(dirname(program), given)
  const stopFile = serverProcess?.stop?.file
  return {
    ...options,
    ...(pidFile === undefined ? {} : { pidFile: path(pidFile) }),
    ...(slots === undefined ? {} : { supervised: true }),
    ...(slots?.stopFile == null ? {} : { slots: { ...slots, stopFile: path(slots.stopFile) } }),
    ...(upgrade?.file === undefined ? {} : { upgrade: { ...upgrade, file: path(upgrade.file) } }),
    ...(stopFile == null
      ? {}
      : { serverProcess: { ...serverProcess, stop: { ...serverProcess?.stop, file: path(stopFile) } } }),
  }
}

function requirePlaceable<Config>(options: ServerOptions<Config>): void {
  if (typeof options !== 'object' || options === null)
    throw invalid('defineServer was given no object', "Write defineServer({ name: 'shop', worker: { … } }).")
  const { name, pidFile, runtimeDir, logDir, stateDir, control, slots, upgrade, serverProcess } = options
  if (typeof name !== 'string' || !NAME.test(name)) {
    const what = name === undefined ? 'it is missing' : `expected a name, found ${describeValue(name)}`
    throw invalid(`name: ${what}`, 'A name is a letter, then letters, digits, _ or -, at most 63 in all.')
  }
  const paths = {
    runtimeDir,
    logDir,
    stateDir,
    pidFile,
    'control.socket': control?.socket,
    'slots.stopFile': slots?.stopFile ?? undefined,
    'upgrade.file': upgrade?.file,
    'serverProcess.stop.file': serverProcess?.stop?.file ?? undefined,
  }
  for (const [key, given] of Object.entries(paths))
    if (given !== undefined && (typeof given !== 'string' || given === ''))
      throw invalid(`${key}: expected a path, found ${describeValue(given)}`, 'Write it as a text.', name)
}

function invalid(problem: string, mend: string, name = ''): HoldfastError {
  const file = name === '' ? 'the options of a server' : `the options of server "${name}"`
  return new HoldfastError('HF_CONFIG_INVALID', { count: 1, file, problems: `  ${problem}\n    ${mend}` })
}
