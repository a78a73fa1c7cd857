// A config that is a JavaScript or TypeScript module runs in a child process: it may print, throw, hang or exit there.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { descendantsOf } from '../os/descendants.ts'
import { LARGEST_CONFIG } from './read-source.ts'
import type { Environment } from './substitute.ts'
import { formatDuration } from './values/duration.ts'
import { formatSize } from './values/size.ts'

export type Evaluation =
  | { readonly ok: true; readonly config: unknown }
  | {
      readonly ok: false
      readonly problem: string
      readonly mend: string
      readonly line?: number
      readonly column?: number
    }

export interface EvaluationOptions {
  readonly environment: Environment
  /** Milliseconds that all modules of the config have together. */
  readonly timeout: number
  /** What is left of them. */
  readonly left: number
}

const MODULE = /\.[cm]?[jt]s$/
const TYPESCRIPT = /\.[cm]?ts$/

export function isModule(file: string): boolean {
  return MODULE.test(file)
}

export async function evaluateModule(file: string, options: EvaluationOptions): Promise<Evaluation> {
  if (!existsSync(file))
    return { ok: false, problem: 'cannot open it: no such file or directory', mend: 'Check the path.' }
  const loader = TYPESCRIPT.test(file) ? typescriptLoader(file) : []
  if (loader === null) {
    return {
      ok: false,
      problem: `Node ${process.versions.node} can not read TypeScript`,
      mend: 'Use Node 22.18 or later, install tsx beside the config (npm install tsx), or write the config in YAML or JavaScript.',
    }
  }
  if (options.left <= 0) return notDone(options)
  const child = spawn(process.execPath, [...loader, evaluator(), file], {
    cwd: dirname(file),
    env: options.environment,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  const evaluation = interpret(file, await outcomeOf(child, options.left), options)
  const isSyntax = !evaluation.ok && evaluation.line === undefined && evaluation.problem.startsWith('SyntaxError')
  return isSyntax ? { ...evaluation, ...(await syntaxPosition(file, options)) } : evaluation
}

/** `import()` does not say where a syntax error is; `node --check` prints it. */
async function syntaxPosition(file: string, { environment, timeout }: EvaluationOptions): Promise<Position> {
  const child = spawn(process.execPath, ['--check', file], { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
  return positionIn(file, (await outcomeOf(child, timeout)).errorOutput)
}

/** Node strips types by itself from 22.18; before that tsx does, where the config's directory has it. */
function typescriptLoader(file: string): string[] | null {
  if ('typescript' in process.features && process.features.typescript) return []
  try {
    return ['--import', pathToFileURL(createRequire(file).resolve('tsx')).href]
  } catch {
    return null
  }
}

/** Beside the bundle; from the sources (tests) beside this file, seen from the project's root. */
function evaluator(): string {
  const beside = typeof __dirname === 'undefined' ? '' : join(__dirname, 'evaluate-module.mjs')
  return beside !== '' && existsSync(beside) ? beside : join(process.cwd(), 'src/config/evaluate-module.mjs')
}

interface Outcome {
  readonly result: string
  readonly errorOutput: string
  readonly end:
    | 'timeout'
    | 'too large'
    | { readonly spawnError: string }
    | { readonly code: number | null; readonly signal: string | null }
}

const MOST_ERROR_OUTPUT = 64 * 1024

function outcomeOf(child: ChildProcess, timeout: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const result: Buffer[] = []
    let errorOutput = ''
    let size = 0
    const finish = (end: Outcome['end']) => {
      clearTimeout(timer)
      killTree(child)
      // A process that the module started may hold the pipes open.
      for (const stream of child.stdio) stream?.destroy()
      resolve({ result: Buffer.concat(result).toString('utf8'), errorOutput, end })
    }
    const timer = setTimeout(finish, timeout, 'timeout')
    child.stdio[3]?.on('data', (chunk: Buffer) => {
      result.push(chunk)
      size += chunk.length
      if (size > LARGEST_CONFIG) finish('too large')
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errorOutput.length < MOST_ERROR_OUTPUT) errorOutput += chunk.toString('utf8')
    })
    child.on('error', (error) => finish({ spawnError: error.message }))
    // Not `close`: that waits for every holder of the pipes. The result was written before the exit, so it is in the pipe.
    child.on('exit', (code, signal) => setImmediate(() => drained(child, () => finish({ code, signal }))))
  })
}

/** What the module started goes with it; after its exit there is nobody left to know it by. */
function killTree({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  for (const victim of [pid, ...descendantsOf(pid)]) {
    try {
      process.kill(victim, 'SIGKILL')
    } catch {
      // It has just ended by itself.
    }
  }
}

/** After the exit: until fd 3 has given everything, at most a moment if somebody else still holds it. */
function drained(child: ChildProcess, done: () => void): void {
  const stream = child.stdio[3]
  if (!stream || stream.destroyed || ('readableEnded' in stream && stream.readableEnded)) return done()
  const timer = setTimeout(done, 500)
  stream.once('end', () => {
    clearTimeout(timer)
    done()
  })
}

function interpret(file: string, { result, errorOutput, end }: Outcome, options: EvaluationOptions): Evaluation {
  if (end === 'timeout') return notDone(options)
  if (end === 'too large')
    return {
      ok: false,
      problem: `its config has more than ${formatSize(LARGEST_CONFIG)}`,
      mend: 'This is hardly a config.',
    }
  if ('spawnError' in end)
    return { ok: false, problem: `cannot start Node: ${end.spawnError}`, mend: 'Check the installation.' }
  const answer = parseAnswer(result)
  if (answer === null) {
    const how = end.signal === null ? `exit code ${end.code}` : end.signal
    return {
      ok: false,
      problem: `the module ended (${how}) without a config`,
      mend: lastLines(errorOutput) || 'It must not call process.exit().',
    }
  }
  if (answer.ok) return answer
  const kind = answer.name === '' || answer.name === 'Error' ? '' : `${answer.name}: `
  return {
    ok: false,
    problem: `${kind}${answer.message}`,
    mend: `The module itself threw this; run it alone with: node ${file}`,
    ...positionIn(file, answer.stack),
  }
}

function notDone({ timeout, left }: EvaluationOptions): Evaluation {
  const isShared = left < timeout
  return {
    ok: false,
    problem: `not done within ${formatDuration(timeout)}${isShared ? ', which all modules of the config have together' : ''}`,
    mend: 'A config module must export its config soon: it must not wait, nor loop without end.',
  }
}

type Position = { readonly line?: number; readonly column?: number }

type Answer =
  | { readonly ok: true; readonly config: unknown }
  | { readonly ok: false; readonly name: string; readonly message: string; readonly stack: string }

/** null if the module ended before it answered, or wrote to the descriptor of the answer. */
function parseAnswer(result: string): Answer | null {
  try {
    return JSON.parse(result) as Answer
  } catch {
    return null
  }
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join(' | ').slice(0, 300)
}

/** The first line of the stack that lies in the config itself. */
function positionIn(file: string, stack: string): Position {
  for (const name of [pathToFileURL(file).href, file]) {
    const index = stack.indexOf(`${name}:`)
    const match = index < 0 ? null : /^:(\d+)(?::(\d+))?/.exec(stack.slice(index + name.length))
    if (match !== null) return { line: Number(match[1]), column: Number(match[2] ?? 1) }
  }
  return {}
}
