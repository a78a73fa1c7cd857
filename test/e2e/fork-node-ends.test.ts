// A forked worker ends as a program of its own does: with the same code or signal, and the same words on stderr.
import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { ForkScene } from './harness/fork-scene.ts'

/** Text of the entry, by what it does. */
const COMMONJS: Readonly<Record<string, string>> = {
  'has nothing more to do': 'setTimeout(() => console.error("done"), 5)',
  'sets process.exitCode': 'process.exitCode = 5; process.on("exit", (code) => console.error("exit", code))',
  'sets process.exitCode at exit': 'process.on("exit", () => { process.exitCode = 8 })',
  'does more before it ends': 'process.once("beforeExit", () => setTimeout(() => { process.exitCode = 4 }, 5))',
  'calls process.exit':
    'setTimeout(() => process.exit(9), 5); process.on("exit", (code) => console.error("exit", code))',
  'calls process.exit at exit': 'process.on("exit", () => process.exit(11))',
  'calls process.reallyExit': 'process.reallyExit(12)',
  'throws at once': 'throw new Error("thrown at once")',
  'throws later': 'setTimeout(() => { throw new Error("thrown later") }, 5)',
  'throws what is no error': 'setTimeout(() => { throw { not: "an error" } }, 5)',
  'has a rejection that nobody catches': 'setTimeout(() => Promise.reject(new Error("rejected")), 5)',
  'has an error with its own code':
    'process.on("exit", () => { process.exitCode = 42 }); setTimeout(() => { throw new Error("coded") }, 5)',
  'catches what nobody catches':
    'process.on("uncaughtException", (error) => console.error("caught", error.message)); setTimeout(() => { throw new Error("x") }, 5)',
  'throws in uncaughtException':
    'process.on("uncaughtException", () => { throw new Error("in the handler") }); setTimeout(() => { throw new Error("x") }, 5)',
  'throws at exit': 'process.on("exit", () => { throw new Error("thrown at exit") })',
  aborts: 'process.abort()',
  'kills itself': 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)',
  'requires what is not there': 'require("./is-not-there.cjs")',
  'is no JavaScript': 'const = 1',
  'emits exit itself': 'process.emit("exit", 3); setTimeout(() => { process.exitCode = 2 }, 5)',
}
const MODULES: Readonly<Record<string, string>> = {
  'has nothing more to do': 'await new Promise((resolve) => setTimeout(resolve, 5)); console.error("done")',
  'throws at its top level': 'await null; throw new Error("thrown")',
  'throws later': 'setTimeout(() => { throw new Error("thrown later") }, 5)',
  'imports what is not there': 'import "./is-not-there.mjs"',
  'imports a name that is not there': 'import { nothing } from "node:fs"; nothing()',
  'is no JavaScript': 'export const = 1',
  'waits for ever at its top level': 'await new Promise(() => {})',
  'calls process.exit while it loads': 'await null; process.exit(6)',
}

interface End {
  readonly code: number | null
  readonly signal: string | null
  readonly err: string
}
type Ends = Record<string, End>

function plainNode(file: string, cwd: string): Promise<End> {
  const child = spawn(process.execPath, [file], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, err: comparable(err) })))
}

/** Without what differs for other reasons: pids, addresses, the frames below the program's own. */
function comparable(err: string): string {
  return err
    .replace(/^ +at .*(?:node:internal|node:events|native:|fork-node-runner\.cjs|<anonymous>|process\.).*\n/gm, '')
    .replace(/^----- Native stack trace[\s\S]*/m, '')
    .replace(/\(node:\d+\)/g, '(node:PID)')
    .replace(/^node:internal.*\n.*\n *\^+\n/gm, '')
}

/** How each of the programs ends in a plain Node, and in a worker. */
async function endsOf(texts: Readonly<Record<string, string>>, ending: string): Promise<[Ends, Ends]> {
  const entries = Object.entries(texts).map(([name, text], index) => ({ name, text, file: `entry-${index}.${ending}` }))
  const scene = new ForkScene({ 'app.cjs': '', ...Object.fromEntries(entries.map(({ file, text }) => [file, text])) })
  await scene.load({ args: ['--preload', './app.cjs'] })
  const [plain, forked]: [Ends, Ends] = [{}, {}]
  for (const { name, file } of entries) {
    const worker = scene.run({ entry: `./${file}`, stderr: scene.path(`${file}.err`) })
    plain[name] = await plainNode(`./${file}`, scene.dir)
    const { code, signal } = await worker
    forked[name] = { code, signal, err: comparable(scene.text(`${file}.err`)) }
  }
  return [plain, forked]
}

describe('a forked worker ends as a program of its own', () => {
  it.each([
    ['CommonJS', COMMONJS, 'cjs'],
    ['an ES module', MODULES, 'mjs'],
  ])('where its entry is %s', async (_, texts, ending) => {
    const [plain, forked] = await endsOf(texts, ending)
    expect(forked).toEqual(plain)
  })
})
