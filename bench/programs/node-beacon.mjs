// A Node process that says when it came to life, then waits to be killed: node-beacon.mjs FIFO TAG
import { reportLife } from './report-life.mjs'

const [, , fifo, tag] = process.argv
reportLife(fifo, tag)
setInterval(() => {}, 1_000_000)
