import type { Colour, Paint } from './colours.ts'

export interface Cell {
  readonly text: string
  readonly colour?: Colour
  readonly right?: boolean
}

/** Aligned columns, two blanks apart, no trailing blanks. The last column is cut at `width`. */
export function tableText(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
  width: number | null,
): string {
  const last = header.length - 1
  const widths = header.map((title) => title.length)
  // Plain loops: with 1,000 rows this runs before the compiler has warmed up, and each closure costs.
  for (const row of rows) {
    for (let column = 0; column < last; column++) {
      const { length } = row[column]?.text ?? ''
      if (length > (widths[column] ?? 0)) widths[column] = length
    }
  }
  const before = widths.slice(0, last).reduce((sum, each) => sum + each + 2, 0)
  const room = width === null ? Number.POSITIVE_INFINITY : Math.max(20, width - before)
  const titles = header.map((text, column): Cell => ({ text, colour: 'dim', right: rows[0]?.[column]?.right ?? false }))
  let table = ''
  for (const cells of [titles, ...rows]) {
    let line = ''
    for (let column = 0; column <= last; column++) {
      const cell = cells[column]
      if (cell === undefined) break
      if (column > 0) line += '  '
      line += cellText(cell, column === last ? null : (widths[column] ?? 0), room, paint)
    }
    table += `${line.trimEnd()}\n`
  }
  return table
}

/** @param width null: the last column, neither padded nor wider than `room`. */
function cellText({ text, colour, right }: Cell, width: number | null, room: number, paint: Paint): string {
  const cut = width === null && text.length > room ? `${text.slice(0, room - 1)}…` : text
  // The blanks stand outside of the colour, so that trailing ones can be trimmed.
  const blanks = ' '.repeat(Math.max(0, (width ?? 0) - cut.length))
  const painted = colour && cut !== '' ? paint(colour, cut) : cut
  return right ? blanks + painted : painted + blanks
}
