// One file of any format to its values: JSON.parse first, then YAML; modules in a child process.
import { evaluateModule, isModule } from './evaluate-in-child.ts'
import { parseJson } from './json-text.ts'
import { readConfigText } from './read-source.ts'
import { computedFile, type SourceFile, sourceFile } from './source-file.ts'
import type { Environment } from './substitute.ts'
import { parseYaml } from './yaml-tree.ts'

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
  return read.ok ? parseText(file, read.text) : { code: 'HF_CONFIG_FILE', ...read }
}

function parseText(file: string, text: string): SourceFile {
  const value = parseJson(text)
  if (value !== undefined) return sourceFile(file, text, value, [], () => parseYaml(text))
  const yaml = parseYaml(text)
  return sourceFile(file, text, yaml.tree, yaml.faults, () => yaml)
}
