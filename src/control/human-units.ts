// Numbers as people read them.

/** `850ms`, `4.2s`, `3m 20s`, `5h 3m`, `12d 4h`. */
export function humanDuration(millis: number): string {
  if (millis < 1000) return `${Math.max(0, Math.round(millis))}ms`
  const seconds = millis / 1000
  if (seconds < 10) return `${seconds.toFixed(1)}s`
  if (seconds < 60) return `${Math.floor(seconds)}s`
  const [big, small, bigName, smallName] = unitsFor(Math.floor(seconds))
  return small > 0 ? `${big}${bigName} ${small}${smallName}` : `${big}${bigName}`
}

function unitsFor(seconds: number): [number, number, string, string] {
  if (seconds < 3600) return [Math.floor(seconds / 60), seconds % 60, 'm', 's']
  const minutes = Math.floor(seconds / 60)
  if (minutes < 24 * 60) return [Math.floor(minutes / 60), minutes % 60, 'h', 'm']
  const hours = Math.floor(minutes / 60)
  return [Math.floor(hours / 24), hours % 24, 'd', 'h']
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB']

/** `512 B`, `12.3 MB`, `120 MB`; a KB is 1024 bytes, as in the config. */
export function humanSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${SIZES[unit]}`
}

/** `1 error`, `3 errors`. */
export function printableCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
