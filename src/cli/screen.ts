// A picture that has to fit on a terminal: what is too long would scroll, and the next picture would not cover it.

export interface Screen {
  readonly columns: number
  readonly rows: number
}

const COLOUR = /\u001b\[[\d;]*m/g
const RESET = '\u001b[0m'

/**
 * The text, then the foot, one row a line, as far as there is room: at most a third of the screen is for the foot, of which the
 * last lines count. The row that is left free is where the cursor stands.
 */
export function fitToScreen(text: string, foot: readonly string[], { columns, rows }: Screen): string {
  const room = rows - 1
  const most = Math.floor(room / 3) - 1
  const shownFoot = most > 0 ? foot.slice(-most).map((line) => cutTo(columns, line)) : []
  const below = shownFoot.length > 0 ? `\n${shownFoot.join('\n')}\n` : ''
  const left = room - (shownFoot.length > 0 ? shownFoot.length + 1 : 0)
  const lines = text.replace(/\n$/, '').split('\n')
  if (heightOf(lines, columns) <= left) return `${lines.join('\n')}\n${below}`
  let count = 0
  while (count < lines.length && heightOf(lines.slice(0, count + 1), columns) < left) count++
  const more = `… ${lines.length - count} more lines: make the window higher, or name a service`
  return `${[...lines.slice(0, count), cutTo(columns, more)].join('\n')}\n${below}`
}

/** In rows: what is too long for one goes on in the next. */
function heightOf(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(lengthOf(line) / columns)), 0)
}

function lengthOf(line: string): number {
  return line.replace(COLOUR, '').length
}

/** By what is seen of it, colours aside. */
function cutTo(columns: number, line: string): string {
  if (lengthOf(line) <= columns) return line
  let room = columns - 1
  let cut = ''
  for (const [piece] of line.matchAll(/\u001b\[[\d;]*m|[^\u001b]/gu)) {
    if (piece.length === 1 || !piece.startsWith('\u001b')) room--
    if (room < 0) break
    cut += piece
  }
  return `${cut}…${cut.includes('\u001b') ? RESET : ''}`
}
