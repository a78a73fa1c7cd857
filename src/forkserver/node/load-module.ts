// Modules of the application, as a program in the working directory would load them.
import { statSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

export type Exports = Readonly<Record<string, unknown>>

/** Loads an ES module or a CommonJS one, whose `module.exports` is `default`. */
export async function loadModule(name: string): Promise<Exports> {
  const path = pathOf(name)
  return importFrom(process.cwd(), path === null ? name : pathToFileURL(path).href)
}

/** An ES module that was loaded before, once more. */
export function loadAnew(file: string, round: number): Promise<Exports> {
  return importFrom(process.cwd(), `${pathToFileURL(file).href}?refork=${round}`)
}

/** The file of a module that is given as a path, null for the name of a package. */
export function pathOf(name: string): string | null {
  const path = resolve(name)
  if (isFile(path)) return path
  // Without its ending, or a directory.
  return /^\.{0,2}\//.test(name) ? requireFrom(process.cwd()).resolve(path) : null
}

/** The file that `name` stands for, null where only import can find it. @throws Error where nothing can */
export function fileOf(name: string): string | null {
  const path = pathOf(name)
  if (path !== null) return path
  try {
    return requireFrom(process.cwd()).resolve(name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return null
    throw error
  }
}

function requireFrom(directory: string): NodeJS.Require {
  return createRequire(join(directory, 'holdfast'))
}

/** import() of a bundle would look for packages beside the bundle: this one stands in the directory. */
function importFrom(directory: string, specifier: string): Promise<Exports> {
  const file = join(directory, 'holdfast.cjs')
  const module = new Module(file) as Module & { _compile: (text: string, file: string) => unknown }
  module.filename = file
  module._compile('module.exports = (specifier) => import(specifier)', file)
  return (module.exports as (specifier: string) => Promise<Exports>)(specifier)
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
