// A worker that is main or standby: leaves a line whenever it becomes main.
import { appendFileSync } from 'node:fs'
import { worker } from 'holdfast/worker'

worker.onPromote(({ slot, token }) => {
  worker.assertMain()
  appendFileSync(
    'promotions.txt',
    `${process.hrtime.bigint()} ${process.pid} ${slot} ${token} ${worker.fencingToken()}\n`,
  )
})
worker.onStop(() => {})
// It ends some time later.
process.on('SIGUSR2', () => worker.finishing())
setInterval(() => {}, 1_000)
worker.ready()
