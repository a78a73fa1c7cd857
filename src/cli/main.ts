// The entry of `holdfast`. What is imported here is loaded by every `status`: node:fs, node:net, node:tty and no more.
import { outputTo } from './output.ts'
import { runCommand } from './run-command.ts'

/** 128 + SIGINT, as shells say it. */
const INTERRUPTED = 130

const around = { cwd: process.cwd(), environment: process.env, uid: process.getuid?.() ?? 0 }

runCommand(process.argv.slice(2), { out: outputTo(1), err: outputTo(2) }, around).then((code) => {
  // To the shell it has to look like what it is, or a script would go on after Ctrl-C.
  if (code === INTERRUPTED) process.kill(process.pid, 'SIGINT')
  process.exit(code)
})
