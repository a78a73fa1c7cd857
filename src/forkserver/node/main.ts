// What Node is started with: `node fork-node.cjs --preload ./app.js`. See docs/forkservers.md. All that a worker runs of it is compiled
// here, in 2 ms, and not in each worker when it comes to it.
import { setFlagsFromString } from 'node:v8'

const chosen = [...process.execArgv, process.env.NODE_OPTIONS].some((flags) => flags?.includes('lazy'))
// A worker that starts cold loads it for itself alone.
const eager = !chosen && !process.argv.includes('--cold')

if (eager) setFlagsFromString('--no-lazy')
try {
  require('./fork-node-runner.cjs')
} finally {
  if (eager) setFlagsFromString('--lazy')
}
