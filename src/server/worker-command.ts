// How a worker's process is started.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { workerDumpFlags } from './dump-worker.ts'
import type { ForkProgram } from './fork-program.ts'
import { isModule } from './program-file.ts'
import type { ServerOptions } from './server-options.ts'
import type { ThreadProgram } from './thread-runner.ts'
import { serverTierFlags } from './tier.ts'

/** An inline worker is the same program once more; a module has a small program of ours around it. */
export function workerCommand({ worker, workerType = 'process', command }: ServerOptions, program: string): unknown {
  if (workerType === 'spawn') return command
  const node = [process.execPath, ...nodeFlags()]
  if (isModule(worker)) return [...node, workerModuleRunner(), moduleUrl(worker)]
  return [...node, program, ...process.argv.slice(2)]
}

/** As a forkserver of the config file. Nothing in it is of the configuration: a reload leaves it as it is. */
export function forkserverConfig({ user, group, forkserver, startTimeout }: ServerOptions): Record<string, unknown> {
  return {
    preload: require.resolve('./fork-worker.js'),
    arguments: nodeFlags(),
    cwd: process.cwd(),
    ...(user == null ? {} : { user }),
    ...(group == null ? {} : { group }),
    ...(startTimeout === undefined ? {} : { startTimeout }),
    ...forkserver,
  }
}

/** What the forkserver of a server is told to load. */
export function forkProgram({ worker }: Pick<ServerOptions, 'worker'>, program: string): ForkProgram {
  if (isModule(worker)) return { is: 'module', module: moduleUrl(worker) }
  return { is: 'program', file: program, args: process.argv.slice(2) }
}

/** A server's process, which runs the same program. */
export function serverCommand({ workerType }: Pick<ServerOptions, 'workerType'>, program: string): readonly string[] {
  return [process.execPath, ...serverTierFlags(workerType), ...nodeFlags(), program, ...process.argv.slice(2)]
}

/** What the program was started with; and so that a USR1 before it listens to it opens no debugger that others could use. */
function nodeFlags(): readonly string[] {
  return [...workerDumpFlags(), ...process.execArgv.filter((flag) => !isOfThisProcessOnly(flag))]
}

/** The same for a thread, whose flags are the server's. */
export function threadProgram({ worker }: Pick<ServerOptions, 'worker'>, program: string): ThreadProgram {
  if (isModule(worker)) return { file: workerModuleRunner(), args: [moduleUrl(worker)] }
  return { file: program, args: process.argv.slice(2) }
}

/** A worker must not wait for the debugger of its server, nor take its port. */
function isOfThisProcessOnly(flag: string): boolean {
  return /^--(inspect|debug|eval|print|test$|watch|max-semi-space-size)/.test(flag)
}

function moduleUrl(worker: URL | string): string {
  const url = worker instanceof URL ? worker : new URL(worker)
  return url.protocol === 'file:' ? fileURLToPath(url) : url.href
}

/** Stands beside this bundle. */
function workerModuleRunner(): string {
  return require.resolve('./run-worker.js')
}

/** The command line, which stands beside it too. */
export function holdfastProgram(): string {
  return join(dirname(workerModuleRunner()), 'cli.cjs')
}
