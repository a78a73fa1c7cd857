import { libcFunction } from './libc.ts'

const PR_SET_DUMPABLE = 4

const prctl = libcFunction<[number, number, number, number, number], number>(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
)

/** A process that changed its user may not look at itself in /proc any more, unless a program is executed, or this is said. */
export function keepDumpable(): void {
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
}
