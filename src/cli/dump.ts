import { call, PROMPT } from './call.ts'
import type { Context } from './context.ts'
import { queryString } from './request-path.ts'

export async function dump(context: Context): Promise<number> {
  const { command, out } = context
  const path = `/v1/dump${queryString({ target: command.arguments[0] })}`
  const { body } = await call(context, { method: 'GET', path, answerWithin: PROMPT })
  out.write(`${command.global.json ? JSON.stringify(body) : JSON.stringify(body, null, 2)}\n`)
  return 0
}
