import { readProcFile } from './proc-file.ts'

/** capabilities(7): bit numbers. */
export const CAP_SYS_CHROOT = 18

/** Whether this process may use it now. A root in a container, or one that systemd started, may lack any of them. */
export function hasCapability(bit: number): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readProcFile('/proc/self/status')?.toString('latin1') ?? '')?.[1]
  return effective !== undefined && ((BigInt(`0x${effective}`) >> BigInt(bit)) & 1n) === 1n
}
