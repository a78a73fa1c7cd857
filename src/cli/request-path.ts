// Paths of the control API.

/** A comma separates targets in a path, so one within a target (`{a,b}*`) is escaped. */
export function targetPath(targets: readonly string[]): string {
  return targets.map(encodeURIComponent).join(',')
}

/** `?a=1&b=2`, or nothing. Fields that are undefined or false are left out, lists are repeated. */
export function queryString(
  fields: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): string {
  const pairs: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === false) continue
    const values = typeof value === 'object' ? value : [value === true ? '1' : String(value)]
    for (const one of values) pairs.push(`${name}=${encodeURIComponent(one)}`)
  }
  return pairs.length > 0 ? `?${pairs.join('&')}` : ''
}
