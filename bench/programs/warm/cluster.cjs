// The benchmark application as one would run it without Holdfast: node:cluster, so many workers. Prints its port when all listen.
const cluster = require('node:cluster')

function primary(workers) {
  cluster.schedulingPolicy = cluster.SCHED_NONE
  let listening = 0
  cluster.on('listening', (worker, { port }) => {
    // Each has a second port, of its own.
    if (worker.isListening) return
    worker.isListening = true
    if (++listening === workers) console.log(port)
  })
  for (let slot = 0; slot < workers; slot++) cluster.fork({ BENCH_SLOT: String(slot) })
}

async function worker() {
  const { server, ready } = require('./server.cjs')
  const shared = server().listen(0, '127.0.0.1')
  await new Promise((resolve) => shared.once('listening', resolve))
  await ready(Number(process.env.BENCH_SLOT))
}

if (cluster.isPrimary) primary(Number(process.argv[2]))
else void worker()
