// The command line in this process, with its output in strings.
import { runCommand, type Streams } from '../../src/cli/run-command.ts'

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface CallOptions {
  readonly cwd?: string
  readonly environment?: Record<string, string | undefined>
  readonly isTty?: boolean
  readonly columns?: number
  readonly uid?: number
  /** It has written something to stderr: the progress of an operation, say. */
  readonly onErr?: () => void
}

export async function callCli(argv: readonly string[], options: CallOptions = {}): Promise<CliResult> {
  const { cwd = '/', environment = {}, isTty = false, columns = 120, uid = process.getuid?.() ?? 0 } = options
  const { onErr } = options
  const written = { out: '', err: '' }
  const stream = (name: 'out' | 'err') => ({
    isTty,
    columns,
    rows: 40,
    write(text: string) {
      written[name] += text
      if (name === 'err') onErr?.()
    },
  })
  const streams: Streams = { out: stream('out'), err: stream('err') }
  const code = await runCommand(argv, streams, { cwd, environment, uid })
  return { code, ...written }
}
