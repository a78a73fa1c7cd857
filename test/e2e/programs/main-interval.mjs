// A worker that leaves a trace of when it was main. One that is killed can not say when it ended: so it says, as often as it can, that it works.
import { openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { worker } from 'holdfast/worker'

const trace = openSync('trace.txt', 'a')

/** Whether the main before us can still do something. A process gives its memory back, and with it this line, before its locks. */
function worksBesideUs(slot) {
  try {
    const before = readFileSync(`main-${slot}.pid`, 'utf8')
    return readFileSync(`/proc/${before}/cmdline`, 'utf8').includes('main-interval')
  } catch {
    return false
  }
}

let works = () => {}
worker.onPromote(({ slot, token }) => {
  const say = (what) =>
    writeSync(trace, `${process.hrtime.bigint()} ${what} ${process.pid} ${worker.slot} ${slot} ${token}\n`)
  say(worksBesideUs(slot) ? 'beside' : 'alone')
  writeFileSync(`main-${slot}.pid`, String(process.pid))
  works = () => say('works')
  setInterval(works, 1)
})
worker.onStop(() => works())
setInterval(() => {}, 1_000)
worker.ready()
