// One file of any format to its values: JSON.parse first, then YAML; modules in a child process.
import { evaluateModule, isModule } from './evaluate-in-child.ts'
import { parseJson } from './json-text.ts'
import { readConfigText } from './read-source.ts'
import type { ReadingBudget } from './reading-budget.ts'
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
  /** Milliseconds that all modules of the config may take together. */
  readonly moduleTimeout: number
  readonly budget: ReadingBudget
}

export async function readConfigFile(file: string, options: FileOptions): Promise<SourceFile | ReadFailure> {
  options.budget.countFile()
  if (isModule(file)) return readModule(file, options)
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
  options.budget.countText(read.text.length, value === undefined)
  if (value !== undefined) return sourceFile(file, read.text, value, [], () => parseYaml(read.text))
  const yaml = parseYaml(read.text)
  return sourceFile(file, read.text, yaml.tree, yaml.faults, () => yaml)
}

async function readModule(
  file: string,
  { environment, moduleTimeout, budget }: FileOptions,
): Promise<SourceFile | ReadFailure> {
  const startedAt = performance.now()
  const evaluation = await evaluateModule(file, { environment, timeout: moduleTimeout, left: budget.moduleTime })
  budget.moduleTime -= performance.now() - startedAt
  return evaluation.ok ? computedFile(file, evaluation.config) : { code: 'HF_CONFIG_MODULE', ...evaluation }
}
