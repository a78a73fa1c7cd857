// Runs the worker's program in this process, as if Node had been started with it.
import { writeSync } from 'node:fs'
import Module from 'node:module'
import { type Exports, fileOf, isFile, loadAnew, loadModule } from './load-module.ts'

type Program = () => unknown

const STDERR = 2

/** Whether an entry that is an ES module still waits for something at its top level. */
let waits = false

export function entryWaits(): boolean {
  return waits
}

/**
 * `FILE` is a program; `FILE#name` a function that it exports, unless a file is called so; null the function that the last preload exports as its default.
 * What goes wrong in it is an error that nobody catches, as in a program of its own.
 * @param round above 0: the forkserver was a worker itself, and has run the entry. A program is evaluated anew, what it loads is there.
 */
export async function runEntry(entry: string | null, lastPreload: Exports | null, round = 0): Promise<void> {
  waits = false
  if (entry === null) {
    call(functionOf(lastPreload, 'default', 'no `entry` is set, and the last `preload`'))
    return
  }
  const [, name = entry, exported] = isFile(entry) ? [] : (/^(.+)#([^#/]*)$/.exec(entry) ?? [])
  const file = fileOf(name)
  process.argv = [process.execPath, file ?? name]
  if (exported !== undefined)
    call(functionOf(await loadModule(name), exported || 'default', `entry ${entry}: the file`))
  else if (file === null) await untilEvaluated(loadModule(name))
  else call(() => runProgram(file, round))
}

/** What it throws must not become a rejection. */
function call(program: Program): void {
  process.nextTick(program)
}

function runProgram(file: string, round: number): void {
  if (round > 0) {
    if (require.cache[file] === undefined) return void untilEvaluated(loadAnew(file, round))
    delete require.cache[file]
  }
  runMain(file)
  if (process.mainModule?.filename !== file) void untilEvaluated(loadModule(file).catch(() => {}))
}

/** Decides by the file's ending, package.json and text which kind of module it is, and makes it the main one. */
function runMain(file: string): void {
  const { runMain: run } = Module as unknown as { runMain: (file: string) => void }
  run(file)
}

async function untilEvaluated(module: Promise<unknown>): Promise<void> {
  waits = true
  await module
  waits = false
}

function functionOf(module: Exports | null, name: string, what: string): Program {
  const found = module?.[name]
  if (typeof found === 'function') return found as Program
  // An error that nobody catches would come with the source of this file, which is no business of the reader.
  writeSync(STDERR, `${what} exports no function ${name}\n`)
  process.exit(1)
}
