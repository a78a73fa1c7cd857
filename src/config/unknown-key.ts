// What was meant by a key that is not known at its place: a slip, another program's word, or the wrong level.
import { nearestName, plainName, suggestion } from './did-you-mean.ts'
import { foreignServiceKey, foreignTopKey } from './foreign-keys.ts'
import { inYaml } from './in-yaml.ts'
import type { SettingTable } from './setting.ts'
import { serviceSettings } from './settings/service.ts'
import { supervisorSettings } from './settings/supervisor.ts'
import type { Path, UnknownKeyAdvice } from './value-type.ts'
import { isObject, shorten, textOf } from './written-scalar.ts'

const TOP: SettingTable = supervisorSettings
const SERVICE: SettingTable = serviceSettings

/** @param path of the key itself. */
export function adviseUnknownKey(path: Path, raw: unknown, table: SettingTable): UnknownKeyAdvice {
  const key = String(path.at(-1))
  if (/^(\/\/|\/\*)/.test(key)) return { mend: 'A comment begins with #.' }
  return (
    sameWord(key, table) ??
    say(table === SERVICE ? foreignServiceKey(key, raw) : table === TOP ? foreignTopKey(key, raw) : null) ??
    knownElsewhere(table, (names) => names.some((name) => plainName(name) === plainName(key))) ??
    say(wrongLevel(key, raw, path, table)) ??
    didYouMean(nearestName(key, Object.keys(table))) ??
    knownElsewhere(table, (names) => nearestName(key, names) !== null) ??
    oneLevelBelow(key, table) ?? { mend: suggestion(key, namesToShow(table), 'key') }
  )
}

/** The same for an option of a program's server, which stands in no file: there is no level that it could have been indented to. */
export function adviseUnknownOption(path: Path, raw: unknown, table: SettingTable): UnknownKeyAdvice {
  const key = String(path.at(-1))
  return (
    sameWord(key, table) ??
    knownElsewhere(table, (names) => names.some((name) => plainName(name) === plainName(key))) ??
    say(path.length === 1 ? foreignServiceKey(key, raw) : null) ??
    didYouMean(nearestName(key, Object.keys(table))) ??
    knownElsewhere(table, (names) => nearestName(key, names) !== null) ??
    oneLevelBelow(key, table) ?? { mend: suggestion(key, namesToShow(table), 'key') }
  )
}

function say(mend: string | null): UnknownKeyAdvice | null {
  return mend === null ? null : { mend }
}

function didYouMean(name: string | null): UnknownKeyAdvice | null {
  return name === null ? null : { mend: `Did you mean "${name}"?`, meant: name.split('.', 1)[0] }
}

/** `max_retries` and `MaxRetries` are `maxRetries`. */
function sameWord(key: string, table: SettingTable): UnknownKeyAdvice | null {
  return didYouMean(Object.keys(table).find((name) => plainName(name) === plainName(key)) ?? null)
}

/** What other programs call a key of this table, or one a level below: `when` of `restart` is `autorestart`. */
function knownElsewhere(table: SettingTable, isMeant: (names: readonly string[]) => boolean): UnknownKeyAdvice | null {
  for (const [name, { knownElsewhereAs = [], type }] of Object.entries(table)) {
    if (isMeant(knownElsewhereAs)) return didYouMean(name)
    for (const [inner, setting] of Object.entries(type.table ?? {}))
      if (isMeant(setting.knownElsewhereAs ?? [])) return didYouMean(`${name}.${inner}`)
  }
  return null
}

function oneLevelBelow(key: string, table: SettingTable): UnknownKeyAdvice | null {
  for (const [name, { type }] of Object.entries(table)) {
    const inner = type.table === undefined ? null : nearestName(key, Object.keys(type.table))
    if (inner !== null) return didYouMean(`${name}.${inner}`)
  }
  return null
}

/** Indented too much or too little. */
function wrongLevel(given: string, raw: unknown, path: Path, table: SettingTable): string | null {
  const key = shorten(given)
  const isServiceKey = Object.hasOwn(SERVICE, key)
  if (table === TOP) {
    if (isServiceKey)
      return `"${key}" is a key of a service: write it below the service's name, or below defaults for all services.`
    if (looksLikeService(raw)) return `If "${key}" is a service, indent it below services.`
    if (textOf(raw) !== null)
      return `If "${key}" is a service, write services: { ${key}: { command: ${inYaml(raw)} } }.`
    return null
  }
  const isInService = path[0] === 'services' || path[0] === 'defaults'
  if (!isInService) return Object.hasOwn(TOP, key) ? `"${key}" stands at the top of the file: do not indent it.` : null
  const service = path[0] === 'services' ? shorten(String(path[1])) : 'defaults'
  if (table !== SERVICE && isServiceKey) return `"${key}" is a key of ${service} itself: indent it as far as "command".`
  if (table === SERVICE && looksLikeService(raw))
    return `If "${key}" is a service of its own, indent it as far as "${service}".`
  return Object.hasOwn(TOP, key) ? `"${key}" stands at the top of the file: do not indent it.` : null
}

export function looksLikeService(raw: unknown): boolean {
  return isObject(raw) && Object.keys(raw).some((key) => Object.hasOwn(SERVICE, key))
}

export function isTopKey(key: string): boolean {
  return Object.hasOwn(TOP, key)
}

/** Without those whose engine is not built yet. */
function namesToShow(table: SettingTable): string[] {
  return Object.keys(table).filter((name) => table[name]?.laterEngine === undefined)
}
