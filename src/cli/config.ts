import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { Context } from './context.ts'
import { loadOrExplain } from './load-config.ts'

/** The effective config with every default, or (`config schema`) the JSON Schema for editors. */
export async function config(context: Context): Promise<number> {
  const { command, out } = context
  const [what] = command.arguments
  if (what !== undefined && what !== 'schema') {
    throw new HoldfastError('HF_USAGE', {
      problem: `unknown argument "${what}"; did you mean "schema"?`,
      verb: ' config',
    })
  }
  if (what === 'schema') {
    out.write(await schemaText())
    return 0
  }
  const spec = await loadOrExplain(context)
  const { effectiveConfig, effectiveYaml } = await import('../config/load.ts')
  out.write(command.global.json ? `${JSON.stringify(effectiveConfig(spec), null, 2)}\n` : effectiveYaml(spec))
  return 0
}

/** The build has put it beside the program; from the sources it is made on the spot. */
async function schemaText(): Promise<string> {
  try {
    return readFileSync(join(dirname(process.argv[1] ?? ''), 'schema.json'), 'utf8')
  } catch {
    const { jsonSchema } = await import('../config/load.ts')
    return `${JSON.stringify(jsonSchema(), null, 2)}\n`
  }
}
