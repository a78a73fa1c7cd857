// docs/reference/api.md, made from the docstrings of what the package exports.
import type { SettingTable } from '../../src/config/setting.ts'
import { serviceSettings } from '../../src/config/settings/service.ts'
import { supervisorSettings } from '../../src/config/settings/supervisor.ts'
import type { Doc, TagName } from './declaration-text.ts'
import type { PublicMember, PublicName } from './public-names.ts'

/** The reference page in Markdown. */
export function apiPage(names: readonly PublicName[]): string {
  const modules = [...new Set(names.map(({ module }) => module))].map((module) => {
    const all = names.filter((one) => one.module === module)
    return { module, own: [...all.filter(isValue), ...all.filter((one) => !isValue(one))] }
  })
  const links = linksOf(modules.flatMap(({ own }) => own))
  const parts = modules.flatMap(({ module, own }) => [
    `## \`${module}\``,
    contents(own, links),
    ...own.map((one) => section(one, links)),
  ])
  return `${[INTRODUCTION, ...parts].join('\n\n')}\n`
}

const INTRODUCTION = `# API reference

<!-- Made by scripts/docs.mjs from the docstrings in src. Do not edit. -->

Everything that the package exports. [library.md](../library.md), [workers.md](../workers.md) and [embedding.md](../embedding.md) are the
guides. Durations without a unit are seconds where they stand for a key of the config file, and milliseconds where the name says so.`

function isValue({ kind }: PublicName): boolean {
  return kind === 'function' || kind === 'class' || kind === 'value'
}

/** Anchors do not tell `worker` from `Worker`: the second one gets a number. */
function linksOf(names: readonly PublicName[]): ReadonlyMap<string, string> {
  const times = new Map<string, number>()
  return new Map(
    names.map(({ name }) => {
      const anchor = name.toLowerCase()
      const before = times.get(anchor) ?? 0
      times.set(anchor, before + 1)
      return [name, `[${name}](#${anchor}${before === 0 ? '' : `-${before}`})`]
    }),
  )
}

type Links = ReadonlyMap<string, string>

function contents(names: readonly PublicName[], links: Links): string {
  const list = (chosen: readonly PublicName[]): string => chosen.map(({ name }) => links.get(name)).join(', ')
  const types = names.filter((one) => !isValue(one))
  return [list(names.filter(isValue)), ...(types.length === 0 ? [] : [`Types: ${list(types)}`])].join('\n\n')
}

function section(one: PublicName, links: Links): string {
  const { name, kind, module, signature, doc, members, settings } = one
  const verb = kind === 'interface' || kind === 'type' ? 'import type' : 'import'
  return [
    `### ${name}`,
    `\`${verb} { ${name} } from '${module}'\``,
    fenced(signature),
    ...paragraphs(doc),
    ...texts(doc, 'example'),
    ...members.map(memberItem),
    ...settingsText(settings),
    ...seeAlso(one, links),
  ].join('\n\n')
}

function memberItem({ signatures, doc }: PublicMember): string {
  const [first = '', ...more] = paragraphs(doc)
  const head = signatures.map((signature) => `**${code(signature)}**`).join(', ')
  return [
    `- ${head}${first === '' ? '' : ` \\\n  ${indented(first)}`}`,
    ...more.map((text) => `  ${indented(text)}`),
  ].join('\n\n')
}

/** All of a docstring but its examples. */
function paragraphs(doc: Doc): string[] {
  const throws = texts(doc, 'throws').map((text) => `Throws ${text}`)
  const returns = texts(doc, 'returns').map((text) => `Returns ${text}`)
  const params = texts(doc, 'param').map((text) => text.replace(/^(\w+)\s+-?\s*/, '`$1`: '))
  const said = [...params, ...returns, ...throws].map((text) => sentence(text))
  return [...(doc.text === '' ? [] : [doc.text]), ...(said.length === 0 ? [] : [said.join(' ')])]
}

function settingsText(settings: readonly string[]): string[] {
  const tables: SettingTable = { ...supervisorSettings, ...serviceSettings }
  const isLater = (key: string): boolean => tables[key]?.laterEngine === true && tables[key].worksNow === undefined
  const list = (keys: readonly string[]): string => keys.map(code).join(', ')
  const [now, later] = [settings.filter((key) => !isLater(key)), settings.filter(isLater)]
  return [
    ...(now.length === 0 ? [] : [`Keys of [the config file](config.md): ${list(now)}.`]),
    ...(later.length === 0 ? [] : [`Not available yet: ${list(later)}.`]),
  ]
}

/** Exported types that its signatures name. */
function seeAlso({ name, signature, members }: PublicName, links: Links): string[] {
  const text = [signature, ...members.flatMap(({ signatures }) => signatures)].join(' ')
  const words = new Set(text.match(/\b[A-Z]\w+/g) ?? [])
  const others = [...words].filter((word) => word !== name).flatMap((word) => links.get(word) ?? [])
  return others.length === 0 ? [] : [`See ${others.join(', ')}.`]
}

function texts({ tags }: Doc, name: TagName): string[] {
  return tags.filter((tag) => tag.name === name).map(({ text }) => text)
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}

function fenced(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``
}

function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

function indented(text: string): string {
  return text.replaceAll('\n', '\n  ')
}
