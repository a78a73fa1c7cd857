// What the forkserver loads: a cache that workers fill.
const { worker } = require('holdfast/worker')

exports.cache = new Map()
worker.onStop(() => console.log(`stop of the preload in ${worker.slot}`))
worker.beforeFork(() => console.log('beforeFork'))
