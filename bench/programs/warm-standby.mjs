// Says when it became main, then waits to be killed: warm-standby.mjs FIFO TAG
import { worker } from 'holdfast/worker'
import { reportLife } from './report-life.mjs'

const [, , fifo, tag] = process.argv
worker.onPromote(() => {
  reportLife(fifo, tag)
  setInterval(() => {}, 1_000_000)
})
worker.ready()
