// What the tests of the logger share: loggers that are closed at the end, and programs with one.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createLogger, type LoggerOptions } from '../../src/server/logger.ts'
import { linesOf, temporaryDirectory } from '../logs/support.ts'
import { node, nodePath, useScratch, within } from '../os/scratch.ts'

export const scratch = useScratch()

export function open(options: Partial<LoggerOptions> = {}) {
  const to = options.to ?? join(temporaryDirectory(), 'shop.log')
  const troubles: string[] = []
  const onTrouble = (error: Error) => void troubles.push('code' in error ? String(error.code) : error.message)
  const logger = createLogger({ onTrouble, ...options, to })
  onTestFinished(() => logger.close({ deadline: 1_000 }).then(() => {}))
  const text = () => readFileSync(to, 'utf8')
  return { logger, to, troubles, text, messages: () => linesOf(readFileSync(to)).map(messageOf) }
}

export const messageOf = (line: string) => line.slice(line.indexOf('] ') + 2)

interface StartOptions {
  readonly stdout?: number
  /** Shell code that reads a pipe with what the program writes, and its `$0`. */
  readonly through?: readonly [code: string, zero: string]
}

/** Runs a program that has `createLogger`, and the arguments from argv[2] on. */
export function start(source: string, args: readonly string[], options: StartOptions = {}): ChildProcess {
  const file = scratch.now.bundle(`import { createLogger } from 'src/server/logger.ts'\n${source}`)
  const [code, zero] = options.through ?? []
  const command = code === undefined || zero === undefined ? [node] : ['sh', '-c', `"$1" "$2" | ${code}`, zero, node]
  const [first = node, ...words] = [...command, file, ...args]
  const child = spawn(first, words, {
    env: { ...process.env, NODE_PATH: nodePath },
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
  })
  scratch.now.atEnd(() => void child.kill('SIGKILL'))
  return child
}

export async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const texts = { out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    texts.out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    texts.err += text
  })
  const [code] = await within(once(child, 'close'), 'the end of a program')
  return { code: code as number | null, ...texts }
}
