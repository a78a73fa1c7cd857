// Whether a process can be what somebody says that it has just forked. What is not ours is neither watched nor signalled, whoever
// names it: it may be a worker of another service, or the supervisor itself.
import { readProcFile } from '../os/proc-file.ts'
import { isDead, type ProcessIdentity, type ProcessStat, statOf } from '../os/process-identity.ts'

/** More than anybody forks one below the other while he is looked at. */
const LOOKS = 8

export type Newborn = { readonly is: 'ours'; readonly stat: ProcessStat } | { readonly is: 'gone' } | NotOurs

interface NotOurs {
  readonly is: 'not-ours'
  readonly why: string
}

/** @param by who says it: what is older than that it has not forked */
export function lookAtNewborn(pid: number, by: ProcessIdentity, isKnown: (pid: number) => boolean): Newborn {
  if (pid === process.pid) return notOurs('which is the supervisor')
  if (isKnown(pid)) return notOurs('which is there already')
  for (let looks = 0; looks < LOOKS; looks++) {
    const stat = statOf(pid)
    // One that is just being reaped has no parent any more.
    if (stat === null || (isDead(stat) && stat.parent === 0)) return { is: 'gone' }
    const descent = descentOf(stat, by.pid, isKnown)
    // Somebody between has ended meanwhile.
    if (descent === 'unknown') continue
    if (descent === 'foreign') return notOurs('which is no child of this supervisor')
    if (stat.startTime < by.startTime) return notOurs('which is older than it')
    return isThread(pid) ? notOurs('which is a thread') : { is: 'ours', stat }
  }
  return notOurs('of which nobody knows where it comes from')
}

/** Children of who forked it are ours as well: who is between them and us is about to end. */
function descentOf(stat: ProcessStat, by: number, isKnown: (pid: number) => boolean): 'ours' | 'foreign' | 'unknown' {
  for (let { parent } = stat; ; ) {
    if (parent === process.pid || parent === by) return 'ours'
    if (parent <= 1 || isKnown(parent)) return 'foreign'
    const next = statOf(parent)
    if (next === null) return 'unknown'
    parent = next.parent
  }
}

/** Of a process that is no worker: signalled by its number, all of that would be. */
function isThread(pid: number): boolean {
  const status = readProcFile(`/proc/${pid}/status`)?.toString('latin1') ?? ''
  const [, group = ''] = /^Tgid:\s*(\d+)$/m.exec(status) ?? []
  return group !== '' && Number(group) !== pid
}

function notOurs(why: string): NotOurs {
  return { is: 'not-ours', why }
}
