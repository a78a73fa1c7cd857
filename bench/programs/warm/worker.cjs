// A worker of the benchmark application below Holdfast: forked from a forkserver that has loaded server.cjs, or spawned.
const { worker } = require('holdfast/worker')
const { server, ready } = require('./server.cjs')

async function main() {
  await worker.listen('http', server())
  worker.ready()
  const own = await ready(worker.slot)
  // It may become the next forkserver, which must not share it.
  worker.onStop(() => own.close())
}

void main()
