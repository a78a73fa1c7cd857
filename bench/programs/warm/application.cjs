// The benchmark application: some thousand modules and 50,000 records. It is loaded once; then `answer` touches a realistic part of both.
// BENCH_MODULES names what generate-application.ts has written.
const modules = require(process.env.BENCH_MODULES)
const { records, byTag, byName } = require('./catalogue.cjs')

/** One in 25 is called by requests. */
const routes = modules.filter((_, index) => index % 25 === 0)
/** What each worker keeps for itself. */
const asked = new Map()
const recent = new Map()
const RECENT = 2_000

/** Small numbers are much more frequent, as customers are: half of all requests is for a sixteenth of the records. */
function skewed(below, seed) {
  const share = seed / 2 ** 32
  return Math.floor(below * share ** 4)
}

/** From the pid, once a worker asks: what is loaded before the fork would be the same in all of them. */
let state = null
function next() {
  state ??= process.pid
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0
}

/** Of one request: some 2 KB of JSON. */
function answer() {
  const route = routes[skewed(routes.length, next())]
  const first = records[skewed(records.length, next())]
  const found = [first, ...first.similar, ...byTag.get(first.tags[0]).slice(0, 8)]
  const lines = found.map((record) => ({
    name: record.name,
    price: record.price,
    view: route.render(record, 2),
    valid: route.check(record).length === 0,
  }))
  // As an application does: it counts, and it remembers.
  asked.set(route.name, (asked.get(route.name) ?? 0) + 1)
  remember(byName.get(first.name).name, lines.length)
  return JSON.stringify({ route: route.name, lines })
}

function remember(key, value) {
  recent.delete(key)
  recent.set(key, { value, at: state })
  if (recent.size > RECENT) recent.delete(recent.keys().next().value)
}

module.exports = { answer, modules: modules.length, records: records.length }
