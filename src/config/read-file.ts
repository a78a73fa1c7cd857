// One file of any format to its values: JSON.parse first, then YAML; modules in a child process.
import { evaluateModule, isModule } from './evaluate-in-child.ts'
import { parseJson } from './json-text.ts'
import { readConfigText } from './read-source.ts'
import { computedFile, type SourceFile, sourceFile } from './source-file.ts'
import type { Environment } from './substitute.ts'
import { formatSize } from './values/size.ts'
import { parseYaml } from './yaml-tree.ts'

/** The YAML parser takes some 3 s and 200 MB for a megabyte. */
const LARGEST_YAML = 2 * 1024 * 1024

export interface ReadFailure {
  readonly code: 'HF_CONFIG_FILE' | 'HF_CONFIG_MODULE'
  readonly problem: string
  readonly mend: string
  /** In the text of a module. */
  readonly line?: number
  readonly column?: number
}

export interface FileOptions {
  readonly environment: Environment
  /** Milliseconds that a config module may take. */
  readonly moduleTimeout: number
}

export async function readConfigFile(file: string, options: FileOptions): Promise<SourceFile | ReadFailure> {
  if (isModule(file)) {
    const evaluation = await evaluateModule(file, { environment: options.environment, timeout: options.moduleTimeout })
    return evaluation.ok ? computedFile(file, evaluation.config) : { code: 'HF_CONFIG_MODULE', ...evaluation }
  }
  const read = await readConfigText(file)
  if (!read.ok) return { code: 'HF_CONFIG_FILE', ...read }
  const value = parseJson(read.text)
  if (value === undefined && read.text.length > LARGEST_YAML) {
    const problem = `it has ${read.text.length} characters of YAML, more than ${formatSize(LARGEST_YAML)}`
    return {
      code: 'HF_CONFIG_FILE',
      problem,
      mend: 'Split it with include, or write JSON, which takes a hundredth of the time.',
    }
  }
  return parseText(file, read.text)
}

function parseText(file: string, text: string): SourceFile {
  const value = parseJson(text)
  if (value !== undefined) return sourceFile(file, text, value, [], () => parseYaml(text))
  const yaml = parseYaml(text)
  return sourceFile(file, text, yaml.tree, yaml.faults, () => yaml)
}
