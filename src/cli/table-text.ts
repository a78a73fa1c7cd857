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
  const widths = header.map((title, column) => {
    let widest = title.length
    for (const row of rows) widest = Math.max(widest, row[column]?.text.length ?? 0)
    return widest
  })
  const last = header.length - 1
  const before = widths.slice(0, last).reduce((sum, each) => sum + each + 2, 0)
  const room = width === null ? Number.POSITIVE_INFINITY : Math.max(20, width - before)
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => cellText(cell, column === last ? null : (widths[column] ?? 0), room, paint))
      .join('  ')
      .trimEnd()
  const titles = header.map((text, column): Cell => ({ text, colour: 'dim', right: rows[0]?.[column]?.right ?? false }))
  return [titles, ...rows].map((cells) => `${line(cells)}\n`).join('')
}

/** @param width null: the last column, neither padded nor wider than `room`. */
function cellText({ text, colour, right }: Cell, width: number | null, room: number, paint: Paint): string {
  const cut = width === null && text.length > room ? `${text.slice(0, room - 1)}…` : text
  // The blanks stand outside of the colour, so that trailing ones can be trimmed.
  const blanks = ' '.repeat(Math.max(0, (width ?? 0) - cut.length))
  const painted = colour && cut !== '' ? paint(colour, cut) : cut
  return right ? blanks + painted : painted + blanks
}
