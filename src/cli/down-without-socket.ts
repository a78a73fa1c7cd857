// `down` where nobody answers at the socket. In the supervisor's bundle: the quick commands do not load it.
import { rmSync } from 'node:fs'
import { printableCount } from '../control/human-units.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive } from '../os/process-identity.ts'
import { awaitDeath } from '../server/await-exit.ts'
import { type Pointer, supervisorOf } from '../server/pointer.ts'
import { endLeftovers } from '../supervisor/leftover.ts'
import type { Context } from './context.ts'

/** The supervisor is on its way out, has lost its socket, or is dead. */
export async function downWithoutSocket(context: Context, pointer: Pointer): Promise<number> {
  const { command, out } = context
  const say = (text: string) => {
    if (!command.global.quiet && !command.global.json) out.write(`${text}\n`)
  }
  const supervisor = supervisorOf(pointer)
  const wasAlive = isAlive(supervisor)
  if (wasAlive) {
    process.kill(supervisor.pid, 'SIGTERM')
    say(`the supervisor (pid ${supervisor.pid}) has no socket any more: asked it by SIGTERM to stop everything`)
    const { timeout } = command.options
    await awaitDeath(supervisor, typeof timeout === 'number' ? timeout : null)
  }
  const { ended, left } = await endLeftovers(pointer.runtimeDir, say)
  if (left.length > 0) throw new HoldfastError('HF_LEFT_RUNNING', { workers: left.join(', ') })
  rmSync(pointer.socket, { force: true })
  if (command.global.json) out.write(`${JSON.stringify({ ok: true, services: [], ended })}\n`)
  else if (ended > 0) {
    const had = wasAlive ? 'the supervisor has ended' : 'the supervisor was dead'
    say(`${had}; ended ${printableCount(ended, 'worker')} that it had left running`)
  } else if (wasAlive) say('the supervisor and its services have ended')
  else say('nothing to stop: the supervisor is not running')
  return 0
}
