// What `bin` points to: loads the bundles, with V8's bytecode of a former run beside them where the build left it. Compiling is a
// third of what `status` costs beyond Node itself (2 of 7 ms), and 30 ms of a start. Bytecode of another Node or of other flags is
// refused by V8, and the text compiled as usual.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'
import { SMALL_NURSERY } from '../server/small-nursery.ts'

type Require = (name: string) => unknown

const loaded = new Map<string, { exports: unknown }>()

function load(name: string): unknown {
  const known = loaded.get(name)
  if (known) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  const file = join(__dirname, name)
  const text = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`
  const cachedData = bytecodeOf(file)
  const script = new Script(text, cachedData === null ? { filename: file } : { filename: file, cachedData })
  script.runInThisContext()(module.exports, requireNeighbour, module, file, __dirname)
  return module.exports
}

const requireNeighbour: Require = (name) => (name.startsWith('./') ? load(name) : require(name))

/** The supervisor runs with other flags than a command, and has bytecode of its own. */
const bytecodeEnding = process.execArgv.includes(SMALL_NURSERY) ? '.supervisor.bytecode' : '.bytecode'

/** V8 compares the length of the text only: what is older than the text is not its bytecode. */
function bytecodeOf(file: string): Buffer | null {
  const bytecode = `${file}${bytecodeEnding}`
  try {
    return statSync(bytecode).mtimeMs < statSync(file).mtimeMs ? null : readFileSync(bytecode)
  } catch {
    return null
  }
}

load('./main.cjs')
