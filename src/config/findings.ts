// Collects everything that is wrong, in all files, so that it can be told at once.
import type { ErrorDetail } from '../errors/holdfast-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import { type Problem, problemOf } from './problem.ts'
import { hasPath, type SourceFile } from './source-file.ts'
import type { Issue, Path } from './value-type.ts'

/** Where a finding is shown: the path the user thinks of, and the file and path where it stands. */
export interface Standing {
  readonly source: SourceFile
  readonly path: Path
  /** Where `path` would be looked for in vain: in `defaults`. */
  readonly standsAt: Path
}

interface Finding {
  readonly source: SourceFile
  readonly issue: Issue
  readonly standsAt: Path
}

// A file of ten megabytes can be wrong in half a million places; nobody reads them all.
const MOST_ERRORS = 10_000

export class Findings {
  readonly #errors: Finding[] = []
  /** Every place with an error at or below it. */
  readonly #refused = new Map<SourceFile, Set<string>>()
  readonly #warnings: Finding[] = []
  readonly #early: Problem[] = []

  /** A reporter for the values of one file. */
  reporter(source: SourceFile): (issue: Issue) => void {
    return (issue) => this.#refuse({ source, issue, standsAt: issue.path })
  }

  /** A problem whose position is already known. */
  add(problem: Problem): void {
    this.#early.push(problem)
  }

  error(where: Standing, at: 'key' | 'value', code: ErrorCode, detail: ErrorDetail, part?: string): void {
    this.#refuse(finding(where, at, code, detail, part))
  }

  warn(where: Standing, at: 'key' | 'value', problem: string, mend: string): void {
    this.#warnings.push(finding(where, at, 'HF_CONFIG_WARNING', { problem, mend }))
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0 || this.#early.length > 0
  }

  /** Whether something at or below this place was refused already: what follows from it need not be told. */
  isRefused({ source, standsAt }: Standing): boolean {
    return this.#refused.get(source)?.has(placeKey(standsAt)) ?? false
  }

  #refuse(error: Finding): void {
    if (this.#errors.length < MOST_ERRORS) this.#errors.push(error)
    const places = this.#refused.get(error.source) ?? new Set()
    this.#refused.set(error.source, places)
    for (let length = 0; length <= error.standsAt.length; length++)
      places.add(placeKey(error.standsAt.slice(0, length)))
    if (error.issue.meant !== undefined) places.add(placeKey(error.issue.meant))
  }

  /** In the order of the files, top to bottom. */
  errors(files: readonly SourceFile[]): Problem[] {
    return inOrder([...this.#early, ...this.#errors.map(toProblem)], files)
  }

  warnings(files: readonly SourceFile[]): Problem[] {
    return inOrder(this.#warnings.map(toProblem), files)
  }
}

function placeKey(path: Path): string {
  return path.join('\0')
}

/** Where a service's key stands: in the service, else in one of the `defaults` that hold for it, else nowhere. */
export function standing(
  source: SourceFile,
  path: Path,
  elsewhere: readonly { source: SourceFile; path: Path }[],
): Standing {
  if (!hasPath(source, path)) {
    const found = elsewhere.find((other) => hasPath(other.source, other.path))
    if (found !== undefined) return { source: found.source, path, standsAt: found.path }
  }
  return { source, path, standsAt: path }
}

function finding(
  { source, path, standsAt }: Standing,
  at: 'key' | 'value',
  code: ErrorCode,
  detail: ErrorDetail,
  part?: string,
): Finding {
  const issue = part === undefined ? { code, path, at, detail } : { code, path, at, detail, part }
  return { source, issue, standsAt }
}

function toProblem({ source, issue, standsAt }: Finding): Problem {
  return problemOf(source.file, issue.path, issue, source.spot(standsAt, issue.at, issue.part))
}

/** In the order of the files, top to bottom. */
export function inOrder(problems: readonly Problem[], files: readonly SourceFile[]): Problem[] {
  const order = new Map(files.map(({ file }, index) => [file, index]))
  const rank = (problem: Problem) => order.get(problem.file) ?? files.length
  return [...problems].sort((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
}
