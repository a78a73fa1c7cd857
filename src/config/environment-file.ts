import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import type { DeclaredService } from './declared.ts'
import type { Findings } from './findings.ts'
import { reasonOf } from './read-source.ts'
import { hasPath } from './source-file.ts'

const LARGEST = 1024 * 1024

/** Reads `envFile`s, each once; what can not be read is reported at the service that names it. */
export function environmentFileReader(
  findings: Findings,
): (service: DeclaredService) => Readonly<Record<string, string>> {
  const known = new Map<string, EnvironmentFile>()
  return (service) => {
    const joined: [string, string][] = []
    for (const [index, file] of (service.settings.envFile ?? []).entries()) {
      const read = known.get(file) ?? readEnvironmentFile(file)
      known.set(file, read)
      if ('variables' in read) joined.push(...Object.entries(read.variables))
      else reportFile(service, index, `${file}: ${read.problem}`, findings)
    }
    return Object.fromEntries(joined)
  }
}

type EnvironmentFile = { readonly variables: Readonly<Record<string, string>> } | { readonly problem: string }

function readEnvironmentFile(file: string): EnvironmentFile {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile()) return { problem: 'not a regular file' }
      if (stats.size > LARGEST) return { problem: 'more than 1MB' }
      const text = readFileSync(fd, 'utf8')
      return text.includes('\0') ? { problem: 'binary' } : { variables: parseEnv(text) as Record<string, string> }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    return { problem: reasonOf(error) }
  }
}

function reportFile(service: DeclaredService, index: number, problem: string, findings: Findings): void {
  const inList = service.at('envFile', index)
  const where = hasPath(inList.source, inList.standsAt) ? inList : service.at('envFile')
  findings.error(where, 'value', 'HF_CONFIG_VALUE', {
    problem,
    mend: 'envFile must be a readable file with NAME=value lines.',
  })
}
