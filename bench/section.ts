// What a measurement gives back, and how it is shown.

export interface Target {
  readonly name: string
  readonly value: number
  /** The value must not be above it, or with `atLeast` not below. */
  readonly limit: number
  readonly atLeast?: boolean
}

export interface Section {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly targets: readonly Target[]
  /** What was left out and why, and what a reader must know of the figures. */
  readonly notes: readonly string[]
  /** Everything measured, for the JSON file. */
  readonly data: unknown
}

export function isMet({ value, limit, atLeast }: Target): boolean {
  return atLeast === true ? value >= limit : value <= limit
}

export function sectionText({ title, columns, rows, targets, notes }: Section): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? '').length)),
  )
  // The first column holds words, the others figures.
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ')
      .trimEnd()
  return [
    `\n${title}`,
    line(columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
    ...targets.map(targetText),
    ...notes.map((note) => `  note: ${note}`),
  ].join('\n')
}

export function targetText(target: Target): string {
  const { name, value, limit, atLeast } = target
  const sign = atLeast === true ? '>=' : '<='
  return `  ${isMet(target) ? 'met   ' : 'MISSED'} ${name}: ${figure(value)} (target ${sign} ${figure(limit)})`
}

/** Three significant digits or so. */
export function figure(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1_000) return value.toFixed(0)
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(2)
}
