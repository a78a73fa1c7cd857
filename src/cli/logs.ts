import { HoldfastError } from '../errors/holdfast-error.ts'
import type { LogLine } from '../logs/log-line.ts'
import { call } from './call.ts'
import type { Context } from './context.ts'
import { LineWriter, logLineText } from './log-text.ts'
import { orOffline } from './or-offline.ts'
import { queryString, targetPath } from './request-path.ts'

export function logs(context: Context): Promise<number> {
  return orOffline(context, () => logsFromSupervisor(context), 'logs')
}

async function logsFromSupervisor(context: Context): Promise<number> {
  const { command, out, err, paint } = context
  const { follow, lines, since, stream } = command.options
  const targets = command.arguments.length > 0 ? command.arguments : ['all']
  const writer = new LineWriter(out)
  const onEvent = (event: string, data: unknown) => {
    if (event !== 'line') return
    writer.write(command.global.json ? `${JSON.stringify(data)}\n` : logLineText(data as LogLine, out.isTty, paint))
  }
  const ask = (history: object) => {
    const query = { ...history, stream: typeof stream === 'string' ? stream : undefined, follow: follow === true }
    return call(context, { method: 'GET', path: `/v1/logs/${targetPath(targets)}${queryString(query)}`, onEvent })
  }
  const first = {
    lines: typeof lines === 'number' ? lines : undefined,
    since: typeof since === 'number' ? `${since}ms` : undefined,
  }
  const unwatch = writer.watchReader()
  await Promise.race([writer.failed, followThrough(ask, first, err.write.bind(err))]).finally(unwatch)
  writer.flush()
  if (follow && !command.global.quiet) err.write('the supervisor has ended\n')
  return 0
}

/** Too slow a terminal is cut off by the supervisor: go on with what is new, and say so. */
async function followThrough(
  ask: (history: object) => Promise<unknown>,
  first: object,
  note: (text: string) => void,
): Promise<void> {
  for (let history = first; ; history = { lines: 0 }) {
    try {
      await ask(history)
      return
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'HF_SLOW_CLIENT') throw error
      note('… lines are missing here: they came faster than they were shown; the log files have them\n')
    }
  }
}
