import { fstatSync, readdirSync } from 'node:fs'

/** The sockets from 3 on that this process was started with: asked before it has opened any itself. */
export function givenSockets(): number[] {
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => fd > 2 && isSocket(fd))
    .sort((a, b) => a - b)
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    return false
  }
}
