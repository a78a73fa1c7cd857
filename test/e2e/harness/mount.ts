// File systems of a test's own; root only.
import { execFileSync } from 'node:child_process'
import { onTestFinished } from 'vitest'

/** @returns the unmounting, which otherwise happens when the test is over. */
export function mountTmpfs(directory: string, options: string): () => void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'holdfast-test', directory])
  return unmounting(directory)
}

export function unmounting(directory: string): () => void {
  let mounted = true
  const unmount = (): void => {
    if (mounted) execFileSync('umount', [directory])
    mounted = false
  }
  onTestFinished(unmount)
  return unmount
}
