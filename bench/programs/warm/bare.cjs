// One load of the benchmark application, and nothing else.
require('./server.cjs')

process.exit(0)
