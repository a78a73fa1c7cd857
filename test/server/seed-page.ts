// docs/reference/seed-options.md as data: its tables, and the names of ours in them.

export interface SeedRow {
  readonly line: number
  readonly theirs: string
  readonly ours: string
  readonly note: string
}

export interface SeedTable {
  /** `ControlFreak / cfkctl` */
  readonly title: string
  readonly rows: readonly SeedRow[]
}

export interface SeedName {
  readonly kind: string
  readonly name: string
  /** Not there yet. */
  readonly later: boolean
}

/** The tables with the columns theirs, ours and note. */
export function readTables(page: string): SeedTable[] {
  const tables: { title: string; rows: SeedRow[] }[] = []
  let system = ''
  let title = ''
  let current: SeedRow[] | null = null
  for (const [index, text] of page.split('\n').entries()) {
    const [, hashes, heading = ''] = /^(##+) (.*)$/.exec(text) ?? []
    if (hashes === '##') system = title = heading
    else if (hashes === '###') title = `${system} / ${heading}`
    if (!text.startsWith('|')) current = null
    else if (/^\| theirs +\| ours +\| note \|$/.test(text)) {
      current = []
      tables.push({ title, rows: current })
    } else if (current !== null && !/^\|[ -]+\|[ -]+\|[ -]+\|$/.test(text)) current.push(readRow(text, index + 1))
  }
  return tables
}

function readRow(text: string, line: number): SeedRow {
  const cells = text.split('|').map((cell) => cell.trim())
  const [, theirs = '', ours = '', note = ''] = cells
  if (cells.length !== 5) throw new Error(`line ${line} has ${cells.length - 2} cells, not 3: ${text}`)
  return { line, theirs, ours, note }
}

const KINDS = 'config option command verb hook map action signal sdk api route env state'.split(' ')

/** `config: KEY`, `later: config KEY`. Text in backticks that begins with no kind is no name of ours. */
export function namesIn(text: string): SeedName[] {
  return spans(text).flatMap((span) => {
    const [, later, kind = '', name = ''] = /^(later: )?(\w+):? (.*)$/.exec(span) ?? []
    return KINDS.includes(kind) && (later !== undefined || span.startsWith(`${kind}: `))
      ? [{ kind, name, later: later !== undefined }]
      : []
  })
}

/** What stands in the column of ours besides names. */
export function strayIn(text: string): string {
  const known = spans(text).filter((span) => namesIn(`\`${span}\``).length > 0)
  return known.reduce((rest, span) => rest.replace(`\`${span}\``, ''), text).replace(/[, ]/g, '')
}

function spans(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span)
}
