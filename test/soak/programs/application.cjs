// What the forkserver of the soak loads: modules that keep random bytes in reserve, warm functions, some megabytes of data.
const crypto = require('node:crypto')
require('node:http')
require('node:https')
require('node:zlib')
require('node:worker_threads')
require('node:child_process')
require('node:dns')

const { random } = Math
const data = Array.from({ length: 60_000 }, (_, id) => ({ id, name: `item ${id}`, tags: [id % 7, id % 11] }))

function warm(rounds) {
  let sum = 0
  for (let round = 0; round < rounds; round++) for (const item of data) sum += item.tags[0] * item.id
  return sum
}

// Node loads these when they are first used.
void fetch('data:,').then((response) => response.text())
void crypto.webcrypto.subtle.digest('SHA-256', Buffer.alloc(1))

// Fills the caches that siblings must not share.
crypto.randomUUID()
crypto.randomInt(100)
random()

module.exports = { data, warm, random, expected: warm(20) / 20 }
