// The command lines of our forkservers, and of a worker that is started without one.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ForkserverRuntime, type ForkserverSpec, usualProgramOf } from '../config/effective.ts'
import { NODE_FLAGS } from './node-flags.ts'

const RUNNERS: Readonly<Record<ForkserverRuntime, { readonly file: string; readonly flags: readonly string[] }>> = {
  node: { file: 'fork-node.cjs', flags: NODE_FLAGS },
  python: { file: 'fork-python.py', flags: [] },
  perl: { file: 'fork-perl.pl', flags: [] },
  ruby: { file: 'fork-ruby.rb', flags: [] },
}

/** What is executed as the forkserver. */
export function forkserverCommand(spec: ForkserverSpec): readonly string[] {
  if (spec.command !== null) return spec.command
  const { flags } = RUNNERS[spec.runtime]
  return [
    ...programOf(spec, flags),
    ...preloads(spec),
    ...(spec.allow.length === 0 ? [] : ['--allow', spec.allow.join()]),
    '--fork-timeout',
    String(spec.forkTimeout),
    ...(spec.refork.length === 0 ? [] : ['--refork']),
  ]
}

/** A worker that loads everything by itself; null: nobody knows how, the forkserver is not ours. */
export function coldCommand(spec: ForkserverSpec, entry: string | null): readonly string[] | null {
  if (spec.command !== null) return null
  return [...programOf(spec, []), '--cold', ...preloads(spec), ...(entry === null ? [] : ['--entry', entry])]
}

function programOf(spec: ForkserverSpec, flags: readonly string[]): string[] {
  const { runtime, executable } = spec
  return [executable ?? usualProgramOf(runtime), ...flags, ...spec.arguments, runnerFile(RUNNERS[runtime].file)]
}

function preloads({ preload }: ForkserverSpec): string[] {
  return preload.flatMap((one) => ['--preload', one])
}

/** Beside this bundle; run from the sources, in `dist`. */
function runnerFile(name: string): string {
  const beside = typeof __dirname === 'undefined' ? '' : join(__dirname, name)
  return beside !== '' && existsSync(beside) ? beside : join(process.cwd(), 'dist', name)
}
