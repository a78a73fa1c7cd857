// The entry of `holdfast`. What is imported here is loaded by every `status`: node:fs, node:net, node:tty and no more.
import { outputTo } from './output.ts'
import { runCommand } from './run-command.ts'

const around = { cwd: process.cwd(), environment: process.env, uid: process.getuid?.() ?? 0 }

runCommand(process.argv.slice(2), { out: outputTo(1), err: outputTo(2) }, around).then((code) => process.exit(code))
