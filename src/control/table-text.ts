import type { Colour, Paint } from './colours.ts'

export interface Cell {
  readonly text: string
  readonly colour?: Colour
  readonly right?: boolean
}

export interface TableOptions {
  readonly paint: Paint
  /** Of the terminal, null: no limit. */
  readonly width: number | null
  /** Columns that are left out on a terminal too narrow for all, the first one first. */
  readonly expendable?: readonly string[]
}

/** Room that the last column gets before others are left out for it, as far as it needs it, and at the least. */
const WANTED = 20
const LEAST = 10

/** Aligned columns, two blanks apart, no trailing blanks. The last column is cut at `width`. */
export function tableText(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  { paint, width, expendable = [] }: TableOptions,
): string {
  const last = header.length - 1
  const widths = header.map((title) => title.length)
  // Plain loops: with 1,000 rows this runs before the compiler has warmed up, and each closure costs.
  for (const row of rows) {
    for (let column = 0; column <= last; column++) {
      const { length } = row[column]?.text ?? ''
      if (length > (widths[column] ?? 0)) widths[column] = length
    }
  }
  const shown = shownColumns(header, widths, width, expendable)
  const before = widthBefore(shown, widths)
  const room = width === null ? Number.POSITIVE_INFINITY : Math.max(LEAST, width - before)
  const titles = header.map((text, column): Cell => ({ text, colour: 'dim', right: rows[0]?.[column]?.right ?? false }))
  let table = ''
  for (const cells of [titles, ...rows]) {
    let line = ''
    for (const column of shown) {
      const cell = cells[column]
      if (cell === undefined) break
      if (column > 0) line += '  '
      line += cellText(cell, column === last ? null : (widths[column] ?? 0), room, paint)
    }
    table += `${line.trimEnd()}\n`
  }
  return table
}

function shownColumns(
  header: readonly string[],
  widths: readonly number[],
  width: number | null,
  expendable: readonly string[],
): number[] {
  let shown = header.map((_title, column) => column)
  if (width === null) return shown
  const needed = Math.min(widths.at(-1) ?? 0, WANTED)
  for (const title of expendable) {
    if (widthBefore(shown, widths) + needed <= width) break
    shown = shown.filter((column) => header[column] !== title)
  }
  return shown
}

/** Of all but the last column, which stays. */
function widthBefore(shown: readonly number[], widths: readonly number[]): number {
  return shown.slice(0, -1).reduce((sum, column) => sum + (widths[column] ?? 0) + 2, 0)
}

/** @param width null: the last column, neither padded nor wider than `room`. */
function cellText({ text, colour, right }: Cell, width: number | null, room: number, paint: Paint): string {
  const cut = width === null && text.length > room ? `${text.slice(0, room - 1)}…` : text
  // The blanks stand outside of the colour, so that trailing ones can be trimmed.
  const blanks = ' '.repeat(Math.max(0, (width ?? 0) - cut.length))
  const painted = colour && cut !== '' ? paint(colour, cut) : cut
  return right ? blanks + painted : painted + blanks
}
