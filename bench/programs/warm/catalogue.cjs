// The data of the benchmark application: a graph of objects and strings, built when it is loaded, the same each time.
const COUNT = 50_000
const TAGS = 4_000
const WORDS = 'amber birch cedar delta ember fjord grove heron inlet jetty kelp larch maple north osier pearl'.split(
  ' ',
)

let state = 7
const random = (below) => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
  return (state >>> 8) % below
}
const word = () => WORDS[random(WORDS.length)]

const tags = Array.from({ length: TAGS }, (_, index) => `${word()}-${word()}-${index}`)
const byTag = new Map(tags.map((tag) => [tag, []]))
const byName = new Map()

function record(id) {
  const one = {
    id,
    name: `${word()} ${word()} ${word()} ${id}`,
    price: 100 + random(100_000),
    stock: random(500),
    hits: 0,
    tags: Array.from({ length: 4 }, () => tags[random(TAGS)]),
    attributes: { colour: word(), size: random(60), origin: `${word()} ${random(900)}`, weight: random(9_000) / 10 },
    text: `${word()} ${word()} ${id} ${word()} ${word()} ${random(10_000)} ${word()} ${word()} ${word()}`,
    similar: [],
  }
  for (const tag of one.tags) byTag.get(tag).push(one)
  byName.set(one.name, one)
  return one
}

const records = Array.from({ length: COUNT }, (_, id) => record(id))
for (const one of records) {
  for (let count = 0; count < 4; count++) one.similar.push(records[random(COUNT)])
}

module.exports = { records, byTag, byName, tags }
