// The data of the benchmark application: a graph of objects and strings, with indices over them. BENCH_CATALOGUE names the file.
const { readFileSync } = require('node:fs')

const records = JSON.parse(readFileSync(process.env.BENCH_CATALOGUE, 'utf8'))
const byTag = new Map()
const byName = new Map()

for (const record of records) {
  byName.set(record.name, record)
  for (const tag of record.tags) {
    if (!byTag.has(tag)) byTag.set(tag, [])
    byTag.get(tag).push(record)
  }
  record.similar = record.similar.map((id) => records[id])
}

module.exports = { records, byTag, byName }
