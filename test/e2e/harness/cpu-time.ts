// Whether a process has nothing to do.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitFor } from './wait-for.ts'

/** Milliseconds: long beside a tick of the kernel's clock (10 ms), also for one that gets a tenth of a CPU only. */
const LOOK = 300
const TICKS = 1

/** Resolves as soon as it has used no CPU for a while. One that spins never rests, and fails the test. */
export async function restsSoon(pid: number): Promise<void> {
  const rests = async (): Promise<boolean> => {
    const before = cpuTicks(pid)
    await sleep(LOOK)
    return cpuTicks(pid) - before <= TICKS
  }
  await waitFor(rests, { what: `process ${pid} has nothing to do` })
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The command may contain blanks and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
