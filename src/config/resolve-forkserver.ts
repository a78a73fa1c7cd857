import type { DeclaredForkserver } from './declared.ts'
import type { ForkserverSpec } from './effective.ts'
import { withDefaults } from './read-table.ts'
import { resolveRestart } from './resolve-service.ts'
import { forkserverSettings } from './settings/forkserver.ts'

/** @param directory default of `cwd` */
export function resolveForkserver({ name, settings }: DeclaredForkserver, directory: string): ForkserverSpec {
  const given = withDefaults(forkserverSettings, settings)
  return {
    name,
    ...given,
    command: given.command ?? null,
    executable: given.executable ?? null,
    cwd: given.cwd ?? directory,
    restart: resolveRestart(given.restart),
  }
}
