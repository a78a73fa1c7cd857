// Runs in a process of its own: imports a config module and writes its default export (or what that function returns) as
// JSON to fd 3. The module's own output goes elsewhere and does no harm.
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const RESULT_FD = 3
const [file] = process.argv.splice(2)

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

try {
  const module = await import(pathToFileURL(file).href)
  if (!('default' in module)) throw new Error('the module has no default export')
  let config = module.default
  if (typeof config === 'function') config = config()
  answer({ ok: true, config: asData(await config) })
} catch (error) {
  fail(error)
}

/** Only data can be handed on; a function that JSON would drop in silence is an error. */
function asData(config) {
  if (config === undefined || config === null) throw new Error('the default export is empty')
  const text = JSON.stringify(config, (key, value) => {
    if (typeof value === 'function' || typeof value === 'symbol')
      throw new Error(`"${key}" is a ${typeof value}; a config is plain data`)
    return value
  })
  return JSON.parse(text)
}

function fail(error) {
  const isError = error instanceof Error
  answer({
    ok: false,
    message: isError ? error.message : String(error),
    name: isError ? error.name : '',
    stack: isError ? String(error.stack) : '',
  })
}

function answer(result) {
  const bytes = Buffer.from(JSON.stringify(result))
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(RESULT_FD, bytes, offset)
    } catch (error) {
      if (error.code === 'EAGAIN') continue
      process.exit(1)
    }
  }
  // A timer or connection that the module left open would keep the process alive.
  process.exit(0)
}
