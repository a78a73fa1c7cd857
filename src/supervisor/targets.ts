// `web`, `web/2`, `@tag`, `all`, globs: which services and slots a target means.
import picomatch from 'picomatch'
import { HoldfastError } from '../errors/holdfast-error.ts'

export interface TargetService {
  readonly name: string
  readonly tags: readonly string[]
  /** Slots that exist now. */
  readonly slots: readonly number[]
}

/** `slots` null: the whole service. */
export interface ResolvedTarget {
  readonly service: string
  readonly slots: number[] | null
}

/** Services in the order of the config, each once. @throws HoldfastError HF_TARGET_UNKNOWN for the first that matches nothing. */
export function resolveTargets(targets: readonly string[], services: readonly TargetService[]): ResolvedTarget[] {
  const found = new Map<string, Set<number> | null>()
  for (const target of targets) {
    const matches = matchOne(target, services)
    if (matches.length === 0) throw unknownTarget(target, services)
    for (const { service, slots } of matches) {
      const before = found.get(service)
      if (slots === null || before === null) found.set(service, null)
      else found.set(service, new Set([...(before ?? []), ...slots]))
    }
  }
  return services.flatMap(({ name }) => {
    const slots = found.get(name)
    return slots === undefined
      ? []
      : [{ service: name, slots: slots === null ? null : [...slots].sort((a, b) => a - b) }]
  })
}

function matchOne(target: string, services: readonly TargetService[]): ResolvedTarget[] {
  if (target === 'all') return services.map(({ name }) => ({ service: name, slots: null }))
  if (target.startsWith('@')) {
    return services
      .filter(({ tags }) => tags.includes(target.slice(1)))
      .map(({ name }) => ({ service: name, slots: null }))
  }
  const [, name = target, slot] = /^(.*)\/(\d+)$/.exec(target) ?? []
  const matches = matchName(name, services)
  if (slot === undefined) return matches.map((service) => ({ service: service.name, slots: null }))
  const index = Number(slot)
  return matches
    .filter((service) => service.slots.includes(index))
    .map((service) => ({ service: service.name, slots: [index] }))
}

function matchName(name: string, services: readonly TargetService[]): TargetService[] {
  const exact = services.filter((service) => service.name === name)
  if (exact.length > 0 || !/[*?[{(!]/.test(name)) return exact
  const matches = picomatch(name)
  return services.filter((service) => matches(service.name))
}

function unknownTarget(target: string, services: readonly TargetService[]): HoldfastError {
  const names = services.map(({ name }) => name)
  const shown =
    names.length > 12 ? `${names.slice(0, 12).join(', ')} … (${names.length} in all)` : names.join(', ') || 'none'
  const workers = /^(.*)\/\d+$/.exec(target)
  const service = services.find(({ name }) => name === workers?.[1])
  const known = service
    ? service.slots.map((slot) => `${service.name}/${slot}`).join(', ') || `${service.name} has no workers`
    : shown
  return new HoldfastError('HF_TARGET_UNKNOWN', { target, known })
}
