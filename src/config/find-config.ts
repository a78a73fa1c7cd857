// Which config file is meant. No heavy imports: the commands that must be quick use this too.
import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'

const NAMES = ['yaml', 'yml', 'json', 'js', 'mjs', 'ts'].map((extension) => `holdfast.${extension}`)
const SYSTEM_CONFIG = '/etc/holdfast/holdfast.yaml'

/**
 * Absolute path of the config: the explicit one (whether it exists or not), else `holdfast.yaml|yml|json|js|mjs|ts` in `cwd`,
 * else `/etc/holdfast/holdfast.yaml`; null if there is none.
 */
export function findConfig(cwd: string, explicit?: string | null, systemConfig = SYSTEM_CONFIG): string | null {
  if (explicit) return resolve(cwd, explicit)
  const candidates = [...NAMES.map((name) => join(cwd, name)), systemConfig]
  return candidates.find(isFile) ?? null
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
