import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive } from '../os/process-identity.ts'
import type { Surroundings } from './find-supervisor.ts'
import { findPointer, type Pointer, supervisorOf } from './pointer.ts'

/** The lock says the same, unless the config has got another runtime directory or user since. @throws HF_ALREADY_RUNNING */
export function refuseSecond(configFile: string | null, around: Pick<Surroundings, 'environment' | 'uid'>): void {
  const running = configFile === null ? null : findPointer(configFile, around)
  if (running && isAlive(supervisorOf(running)))
    throw new HoldfastError('HF_ALREADY_RUNNING', { pid: pidText(running) })
}

/** Root is told that it is not the one who runs it. */
function pidText({ pid, foreign }: Pointer): string {
  return foreign === undefined ? String(pid) : `${pid}, of uid ${foreign.uid}`
}
