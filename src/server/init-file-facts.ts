// What an init file has to know of a server.
import { resolve } from 'node:path'
import type { ServiceSpec } from '../config/effective.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { VERSION } from '../supervisor/version.ts'
import type { InitFileFacts } from './init-file.ts'
import type { ServerOptions } from './server-options.ts'

/** Facilities of LSB 3.2 without which few servers can do anything. */
const NEEDED = ['$remote_fs', '$network'] as const
/** Milliseconds beyond its own stop. */
const MARGIN = 10_000

export function initFileFacts<Config>(
  { name, pidFile, supervised = false, initFile: given = {} }: ServerOptions<Config>,
  /** What is started: the server's workers, or the server below its supervisor. */
  started: ServiceSpec | undefined,
  program: string,
  programArguments: readonly string[],
): InitFileFacts {
  const stop = started === undefined ? 0 : timeUntilKill(ladderFor({ kind: 'stop', text: '' }, started))
  const { description = `${name}, a server made with Holdfast`, requiredStart = NEEDED, requiredStop = NEEDED } = given
  return {
    name,
    program: resolve(given.program ?? program),
    node: process.execPath,
    execArgv: process.execArgv,
    programArguments,
    workingDirectory: process.cwd(),
    description,
    shortDescription: description.split('\n')[0] ?? name,
    pidFile: pidFile === undefined ? null : resolve(pidFile),
    supervised,
    requiredStart,
    requiredStop,
    initConfig: given.config ?? null,
    initCode: given.code ?? null,
    stopTimeoutMillis: stop === null ? Number.POSITIVE_INFINITY : stop + MARGIN,
    version: VERSION,
    date: new Date(),
  }
}
