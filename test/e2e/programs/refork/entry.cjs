const { serve } = require('./serve.cjs')

globalThis.since ??= process.pid
void serve({ since: globalThis.since })
