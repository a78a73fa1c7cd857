// A worker that writes down what it holds: when it is ready, and when it becomes main.
import { appendFileSync } from 'node:fs'
import { worker } from 'holdfast/worker'

function isMain() {
  try {
    worker.assertMain()
    return true
  } catch (error) {
    if (error.code !== 'HF_NOT_MAIN') throw error
    return false
  }
}

function say(when, slot) {
  const { role, slot: number } = worker
  const facts = { when, pid: process.pid, number, role, isMain: isMain(), token: worker.fencingToken(), slot }
  appendFileSync('held.txt', `${JSON.stringify(facts)}\n`)
}

say('ready', null)
worker.onPromote(({ slot }) => say('promoted', slot))
worker.onStop(() => {})
setInterval(() => {}, 1_000)
worker.ready()
