// Where the values of a loaded spec stand in its files, for checks that are made after the load.
import type { SupervisorSpec } from './effective.ts'
import { type Findings, inOrder } from './findings.ts'
import { type Problem, problemOf } from './problem.ts'
import { hasPath, type SourceFile } from './source-file.ts'
import type { Issue, Path } from './value-type.ts'

interface Origin {
  readonly sources: readonly SourceFile[]
  readonly findings: Findings
}

const originOf = new WeakMap<SupervisorSpec, Origin>()

export function rememberPlaces(spec: SupervisorSpec, sources: readonly SourceFile[], findings: Findings): void {
  originOf.set(spec, { sources, findings })
}

/** A problem with a value of the spec, at the place it comes from: the key itself, `defaults`, else what is nearest. */
export function problemInSpec(spec: SupervisorSpec, path: Path, issue: Pick<Issue, 'code' | 'detail'>): Problem {
  const sources = originOf.get(spec)?.sources ?? []
  const candidates = placesOf(path).flatMap((at) => sources.map((source) => ({ source, at })))
  const found =
    candidates.find(({ source, at }) => hasPath(source, at)) ??
    candidates.find(({ source }) => hasPath(source, path.slice(0, 2)))
  const spot = found?.source.spot(found.at, 'value') ?? null
  return problemOf(found?.source.file ?? spec.configFile ?? '', path, issue, spot)
}

/** Whether a value of the spec is not what the file says, because that was refused. */
export function isRefusedInSpec(spec: SupervisorSpec, path: Path): boolean {
  const { sources = [], findings } = originOf.get(spec) ?? {}
  return placesOf(path).some((standsAt) => sources.some((source) => findings?.isRefused({ source, path, standsAt })))
}

/** In the order of the files, top to bottom. */
export function inFileOrder(spec: SupervisorSpec, problems: readonly Problem[]): readonly Problem[] {
  return inOrder(problems, originOf.get(spec)?.sources ?? [])
}

/** Where a path may stand: a service's key also in `defaults`. */
function placesOf(path: Path): readonly Path[] {
  return path[0] === 'services' && path.length > 2 ? [path, ['defaults', ...path.slice(2)]] : [path]
}
