// What the options say, as the processes of a server need it.
import { dirname, resolve } from 'node:path'
import type { ServerOptions } from './server-options.ts'

/**
 * Relative paths are relative to the program, wherever it is started from. Main and standby need a supervisor.
 * @param options nothing is wrong with their paths (`refuseUnplaceable`)
 */
export function withPathsFrom<Config>(program: string, options: ServerOptions<Config>): ServerOptions<Config> {
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
