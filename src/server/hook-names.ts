// The names of all hooks. One that nobody knows would never be called, and nobody would say so.
import { nearestName, plainName, suggestion } from '../config/did-you-mean.ts'
import type { OptionProblem } from '../config/problem.ts'
import { isModule } from './program-file.ts'
import type { ServerHooks } from './server-hooks.ts'
import type { WorkerDefinition } from './worker-definition.ts'

const SERVER_HOOKS: Readonly<Record<keyof ServerHooks, true>> = {
  initialize: true,
  beforeRun: true,
  afterStart: true,
  afterRun: true,
  stop: true,
  restart: true,
  upgrade: true,
  reloadConfig: true,
  onSpawn: true,
  onHeartbeat: true,
  onReap: true,
  onWait: true,
  onFinish: true,
}

const WORKER_HOOKS: Readonly<Record<keyof WorkerDefinition, true>> = {
  initialize: true,
  beforeFork: true,
  run: true,
  stop: true,
  reload: true,
  afterStart: true,
}

/** @param options of a server, of any kind still */
export function hookProblems({ server, worker }: Readonly<Record<string, unknown>>): OptionProblem[] {
  return [
    ...problemsOf('server', server, SERVER_HOOKS),
    ...(isModule(worker) ? [] : problemsOf('worker', worker, WORKER_HOOKS)),
  ]
}

/** @param definition what a module has for a worker */
export function workerHookProblems(definition: unknown): OptionProblem[] {
  return problemsOf('worker', definition, WORKER_HOOKS)
}

function problemsOf(option: string, hooks: unknown, names: Readonly<Record<string, true>>): OptionProblem[] {
  if (hooks === undefined) return []
  const known = Object.keys(names)
  if (typeof hooks !== 'object' || hooks === null || Array.isArray(hooks)) {
    return [{ path: option, message: 'it is not an object of functions', hint: `Its functions: ${known.join(', ')}.` }]
  }
  const given = hooks as Readonly<Record<string, unknown>>
  return [
    ...known
      .filter((name) => given[name] !== undefined && typeof given[name] !== 'function')
      .map((name) => ({ path: `${option}.${name}`, message: 'it is not a function', hint: `Write ${name}() { … }.` })),
    ...Object.keys(given)
      .filter((name) => typeof given[name] === 'function' && !Object.hasOwn(names, name))
      .filter((name) => nearlyNamed(name, known) || (option === 'server' && isPlain(given)))
      .map((name) => ({ path: `${option}.${name}`, message: 'there is no such hook', hint: mend(name, known) })),
  ]
}

/** `step` is no slip for `stop`. */
function nearlyNamed(key: string, known: readonly string[]): boolean {
  if (key.length >= 6) return nearestName(key, known) !== null
  return known.some((name) => plainName(name) === plainName(key))
}

/** What a class has beside its hooks is its own affair, and so is what a worker keeps for its work. */
function isPlain(hooks: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(hooks)
  return prototype === Object.prototype || prototype === null
}

function mend(name: string, known: readonly string[]): string {
  return `${suggestion(name, known, 'hook')} A function of your own belongs outside, or into a class.`
}
