// What must hold between services with `slots` and the locks that they contend for.
import type { Declared, DeclaredService } from './declared.ts'
import type { ServiceSpec } from './effective.ts'
import type { Findings } from './findings.ts'

export function checkLocks(declared: Declared, specs: ReadonlyMap<string, ServiceSpec>, findings: Findings): void {
  const first = new Map<string, ServiceSpec>()
  for (const service of declared.services.values()) {
    const spec = specs.get(service.name)
    if (spec === undefined || spec.slots === null || findings.isRefused(service.at('slots'))) continue
    refuseNamesake(service, declared, findings)
    const before = first.get(spec.slots.directory)
    if (before === undefined) first.set(spec.slots.directory, spec)
    else refuseOtherCounts(service, spec, before, findings)
  }
}

/** Its own lock would have the name, and as a rule the directory, of a lock that others share. */
function refuseNamesake(service: DeclaredService, declared: Declared, findings: Findings): void {
  const { name } = service
  if (service.settings.slots?.lock !== undefined || !declared.has('lock', name)) return
  findings.error(service.at('slots'), 'key', 'HF_CONFIG_CONFLICT', {
    problem: `its own lock would have the name of lock "${name}" of locks`,
    mend: `Write slots: { lock: ${name} } to contend for that one, or give it another name.`,
  })
}

/** Each would look at other slots than the other one: more mains than one of them allows. */
function refuseOtherCounts(
  service: DeclaredService,
  { slots }: ServiceSpec,
  before: ServiceSpec,
  findings: Findings,
): void {
  for (const key of ['mains', 'standbys'] as const) {
    const [own, others] = [slots?.[key], before.slots?.[key]]
    if (own === others) continue
    findings.error(service.at('slots', key), 'value', 'HF_CONFIG_CONFLICT', {
      problem: `lock "${slots?.lock}" has ${key}: ${own} here, and ${key}: ${others} in service ${before.name}`,
      mend: 'The slots are those of the lock: write the same numbers in every service that contends for it.',
    })
  }
}
