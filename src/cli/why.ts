import type { WhyReport } from '../supervisor/engine-api.ts'
import { call, PROMPT } from './call.ts'
import type { Context } from './context.ts'
import { orOffline } from './or-offline.ts'
import { targetPath } from './request-path.ts'
import { whyText } from './why-text.ts'

export function why(context: Context): Promise<number> {
  return orOffline(context, () => whyFromSupervisor(context), 'why')
}

async function whyFromSupervisor(context: Context): Promise<number> {
  const { command, out, paint } = context
  const path = `/v1/why/${targetPath(command.arguments)}`
  const { body } = await call(context, { method: 'GET', path, answerWithin: PROMPT })
  out.write(command.global.json ? `${JSON.stringify(body)}\n` : whyText(body as WhyReport, paint))
  return 0
}
