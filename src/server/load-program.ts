import { existsSync, readFileSync, realpathSync } from 'node:fs'
import Module from 'node:module'
import { dirname, extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const load = (Module as unknown as { _load(file: string, parent: null, isMain: boolean): unknown })._load

/** As if `node PROGRAM ARGS` ran it: `process.argv`, and for CommonJS `require.main === module`. Resolves when it is loaded. */
export async function loadAsMain(program: string, args: readonly string[]): Promise<void> {
  const file = realpathSync(Module.createRequire(program).resolve(program))
  process.argv = [process.execPath, file, ...args]
  if (isEsModule(file)) await import(pathToFileURL(file).href)
  else load(file, null, true)
}

function isEsModule(file: string): boolean {
  const extension = extname(file)
  if (extension === '.mjs' || extension === '.mts') return true
  return (extension === '.js' || extension === '.ts') && packageTypeOf(dirname(file)) === 'module'
}

/** Of the nearest package.json. */
function packageTypeOf(directory: string): unknown {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { type?: unknown }).type
    if (at === dirname(at)) return undefined
  }
}
