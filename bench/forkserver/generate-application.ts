// What the benchmark application loads, written where nobody commits it: some thousand small modules that need one another, and a
// catalogue. The same each time.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const MODULES = 1_500
const RECORDS = 50_000
const TAGS = 4_000
/** So many directories, as packages would be. */
const PACKAGES = 60
const WORDS = 'amber birch cedar delta ember fjord grove heron inlet jetty kelp larch maple north osier pearl'.split(
  ' ',
)

type Random = () => number

/** @returns the module that loads them all, and exports what the requests are answered with */
export function generateModules(directory: string): string {
  const random = seeded(20_261_122)
  for (let index = 0; index < PACKAGES; index++) mkdirSync(join(directory, `p${index}`), { recursive: true })
  for (let index = 0; index < MODULES; index++) {
    writeFileSync(join(directory, pathOf(index)), moduleText(index, random))
  }
  const all = Array.from({ length: MODULES }, (_, index) => `require('./${pathOf(index)}')`)
  const path = join(directory, 'all.cjs')
  writeFileSync(path, `'use strict'\nmodule.exports = [\n  ${all.join(',\n  ')},\n]\n`)
  return path
}

function pathOf(index: number): string {
  return `p${index % PACKAGES}/m${index}.cjs`
}

/** Some 4 KB, of which a request uses a part. Needs up to three modules that were written before it. */
function moduleText(index: number, random: Random): string {
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? ''
  const needs =
    index < 8 ? [] : Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * index))
  const name = `${pick(WORDS)}_${pick(WORDS)}_${index}`
  const rules = Array.from({ length: 12 }, (_, rule) => ruleText(rule, random, pick))
  const labels = Array.from({ length: 20 }, () => `'${pick(WORDS)} ${pick(WORDS)} ${pick(WORDS)}'`)
  const imports = needs.map((need, which) => `const need${which} = require('../${pathOf(need)}')`)
  const asked = needs.map((_, which) => `  score += depth > 0 ? need${which}.score(record, depth - 1) : ${which + 1}`)
  return `'use strict'
// ${name}
${imports.join('\n')}

const LABELS = [${labels.join(', ')}]
const WEIGHTS = [${Array.from({ length: 16 }, () => Math.floor(random() * 1_000)).join(', ')}]

class ${capital(name)} {
  constructor(record) {
    this.record = record
    this.parts = []
  }
  add(label, amount) {
    this.parts.push({ label, amount })
    return this
  }
  total() {
    return this.parts.reduce((sum, { amount }) => sum + amount, 0)
  }
  text() {
    return this.parts.map(({ label, amount }) => label + ':' + amount).join(' ')
  }
}

${rules.join('\n\n')}

const RULES = [${rules.map((_, rule) => `rule${rule}`).join(', ')}]

function score(record, depth) {
  let score = RULES[record.id % RULES.length](record) | 0
${asked.join('\n')}
  return score % 100003
}

function render(record, depth) {
  const view = new ${capital(name)}(record)
  for (let which = record.id % 3; which < RULES.length; which += 4) view.add(LABELS[which], RULES[which](record))
  return view.add('${name}', score(record, depth)).text()
}

function check(record) {
  const problems = []
  if (typeof record.name !== 'string' || record.name.length > 200) problems.push('${name}: name')
  if (!Number.isFinite(record.price) || record.price < 0) problems.push('${name}: price')
  if (!Array.isArray(record.tags)) problems.push('${name}: tags')
  return problems
}

// What a module does when it is loaded: it makes its tables, and looks whether they are right.
const sample = { id: ${index}, name: '${name}', price: ${100 + Math.floor(random() * 9_900)}, stock: ${index % 50}, tags: [LABELS[0], LABELS[1]] }
const table = new Map(LABELS.map((label, at) => [label, WEIGHTS[at % WEIGHTS.length]]))
if (check(sample).length > 0 || render(sample, 0).length === 0 || table.size === 0) throw new Error('${name} is broken')

module.exports = { name: '${name}', score, render, check, table }
`
}

function ruleText(rule: number, random: Random, pick: (from: readonly string[]) => string): string {
  const [a = 1, b = 1, c = 1] = Array.from({ length: 3 }, () => 1 + Math.floor(random() * 97))
  const forms = [
    `  let sum = ${a}\n  for (const tag of record.tags) sum = (sum * ${b} + tag.length * WEIGHTS[${rule}]) % 65521\n  return sum`,
    `  const word = record.name + '${pick(WORDS)}'\n  let hash = ${a}\n  for (let at = 0; at < word.length; at += 3) hash = (hash * 31 + word.charCodeAt(at)) | 0\n  return Math.abs(hash) % ${b * 100}`,
    `  const { price, stock } = record\n  if (stock < ${a}) return price * ${b}\n  return stock > ${a + b} ? price - ${c} : price % ${c + 1}`,
    `  return [...record.name.split(' ').entries()].reduce((sum, [at, part]) => sum + part.length * WEIGHTS[at % 16], ${c})`,
  ]
  return `function rule${rule}(record) {\n${forms[rule % forms.length]}\n}`
}

/** As JSON. @returns the path of the file */
export function generateCatalogue(directory: string): string {
  const random = seeded(20_261_123)
  const below = (limit: number): number => Math.floor(random() * limit)
  const words = (count: number): string => Array.from({ length: count }, () => WORDS[below(WORDS.length)]).join(' ')
  const tags = Array.from({ length: TAGS }, (_, index) => `${words(1)}-${words(1)}-${index}`)
  const records = Array.from({ length: RECORDS }, (_, id) => ({
    id,
    name: `${words(3)} ${id}`,
    price: 100 + below(100_000),
    stock: below(500),
    tags: Array.from({ length: 4 }, () => tags[below(TAGS)]),
    attributes: { colour: words(1), size: below(60), origin: `${words(1)} ${below(900)}`, weight: below(9_000) / 10 },
    text: `${words(2)} ${id} ${words(3)} ${below(10_000)} ${words(4)}`,
    similar: Array.from({ length: 4 }, () => below(RECORDS)),
  }))
  const path = join(directory, 'catalogue.json')
  writeFileSync(path, JSON.stringify(records))
  return path
}

function capital(name: string): string {
  return name[0]?.toUpperCase() + name.slice(1)
}

/** mulberry32 */
function seeded(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
