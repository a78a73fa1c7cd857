// Preloaded (node -r) into the processes of bytecode.mjs: when one exits, writes V8's bytecode of the bundles it ran. Of functions
// that were not called there is none: so each bundle is recorded by the process whose start matters.
const { writeFileSync } = require('node:fs')
const { basename } = require('node:path')
const vm = require('node:vm')

/** Which command's process writes which bundle's; the supervisor runs with other flags, and so needs bytecode of its own. */
const RECORDED_BY = { 'main.cjs': 'status', 'load.cjs': 'up', 'supervise.cjs': 'up' }
const isSupervisor = process.argv.includes('supervise')

const scripts = new Map()
vm.Script = class extends vm.Script {
  constructor(text, options) {
    super(text, options)
    scripts.set(options.filename, this)
  }
}

process.on('exit', () => {
  for (const [file, script] of scripts) {
    if (isSupervisor) writeFileSync(`${file}.supervisor.bytecode`, script.createCachedData())
    else if (process.argv.includes(RECORDED_BY[basename(file)])) {
      writeFileSync(`${file}.bytecode`, script.createCachedData())
    }
  }
})
