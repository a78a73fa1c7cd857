import { readFileSync } from 'node:fs'

/** `tmpfs`, `ext4` …: the type of the file system that a directory lies on. */
export function fileSystemOf(directory: string): string {
  let found = { mount: '', type: 'unknown' }
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, mount = '', type = ''] = line.split(' ')
    const covers = directory === mount || directory.startsWith(mount === '/' ? '/' : `${mount}/`)
    if (mount !== '' && covers && mount.length >= found.mount.length) found = { mount, type }
  }
  return found.type
}
