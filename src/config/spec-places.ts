// Where the values of a loaded spec stand in its files, for checks that are made after the load.
import type { SupervisorSpec } from './effective.ts'
import { type Problem, problemOf } from './problem.ts'
import { hasPath, type SourceFile } from './source-file.ts'
import type { Issue, Path } from './value-type.ts'

const placesOf = new WeakMap<SupervisorSpec, readonly SourceFile[]>()

export function rememberPlaces(spec: SupervisorSpec, sources: readonly SourceFile[]): void {
  placesOf.set(spec, sources)
}

/** A problem with a value of the spec, at the place it comes from: the key itself, `defaults`, else what is nearest. */
export function problemInSpec(spec: SupervisorSpec, path: Path, issue: Pick<Issue, 'code' | 'detail'>): Problem {
  const sources = placesOf.get(spec) ?? []
  const inDefaults: Path = path[0] === 'services' && path.length > 2 ? ['defaults', ...path.slice(2)] : path
  const candidates = [path, inDefaults].flatMap((at) => sources.map((source) => ({ source, at })))
  const found =
    candidates.find(({ source, at }) => hasPath(source, at)) ??
    candidates.find(({ source }) => hasPath(source, path.slice(0, 2)))
  const spot = found?.source.spot(found.at, 'value') ?? null
  return problemOf(found?.source.file ?? spec.configFile ?? '', path, issue, spot)
}
