// A dump as text, for people: a header, then sections that are easy to find again with grep.

/** The picture that a process gives of itself. */
export interface ProcessDump {
  /** ISO 8601. */
  readonly at: string
  readonly pid: number
  readonly title: string
  /** Its version: `v22.12.0`. */
  readonly node: string
  /** Seconds. */
  readonly uptime: number
  /** Innermost frame first; empty: no JavaScript was running, the event loop waits. */
  readonly stack: readonly string[]
  /** What keeps the event loop alive, by kind: `{ TCPServerWrap: 1 }`. */
  readonly resources: Readonly<Record<string, number>>
  readonly memory: Readonly<Record<string, number>>
  readonly heap: Readonly<Record<string, number>>
  readonly heapSpaces: readonly HeapSpace[]
  readonly usage: Readonly<Record<string, number>>
  /** Milliseconds idle and active since the start, and their proportion. */
  readonly eventLoop: Readonly<Record<string, number>>
}

/** Bytes. */
export interface HeapSpace {
  readonly space: string
  readonly used: number
  readonly size: number
  readonly available: number
  readonly physical: number
}

/** Rows with the same keys, which become the heads of the columns. */
export type DumpTable = readonly Readonly<Record<string, string | number | null>>[]

export interface DumpSection {
  readonly title: string
  readonly lines: readonly string[]
}

export interface DumpHeader {
  readonly at: string
  readonly pid: number
  readonly title: string
}

/** @param workers the table of workers, where the process has some */
export function formatDump(dump: ProcessDump, workers?: DumpTable): string {
  const stack = dump.stack.length === 0 ? ['(no JavaScript: the event loop waits)'] : dump.stack
  return formatSections(dump, [
    { title: 'Process', lines: [`Node ${dump.node}, up ${dump.uptime.toFixed(1)} s`] },
    { title: 'Stack', lines: stack },
    { title: 'Active resources', lines: numberLines(dump.resources) },
    { title: 'Memory', lines: numberLines(dump.memory) },
    { title: 'Heap statistics', lines: numberLines(dump.heap) },
    { title: 'Heap spaces', lines: tableLines(dump.heapSpaces.map((space) => ({ ...space }))) },
    { title: 'Resource usage', lines: numberLines(dump.usage) },
    { title: 'Event loop', lines: loopLines(dump.eventLoop) },
    ...workersSection(workers),
  ])
}

/** Ends with a blank line, so that dumps can stand one after the other in a file. */
export function formatSections({ at, pid, title }: DumpHeader, sections: readonly DumpSection[]): string {
  const text = sections.map(({ title, lines }) => {
    const shown = lines.length === 0 ? ['(none)'] : lines
    return `  ${title}:\n${shown.map((line) => `    ${printable(line)}\n`).join('')}`
  })
  return `Dump at ${at} process ${pid} (${printable(title)})\n${text.join('')}\n`
}

export function workersSection(workers: DumpTable | undefined): DumpSection[] {
  return workers === undefined ? [] : [{ title: 'Workers', lines: tableLines(workers) }]
}

/** Without what a terminal would obey: titles, function names and file names are the program's own. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?')
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What of it is a number. */
export function numbersOf(value: unknown): Record<string, number> {
  if (!isPlainObject(value)) return {}
  const numbers = Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(numbers)
}

function numberLines(numbers: Readonly<Record<string, number>>): string[] {
  const texts = Object.entries(numbers).map(([name, value]) => [name, withCommas(value)] as const)
  const width = Math.max(10, ...texts.map(([, text]) => text.length))
  return texts.map(([name, text]) => `${text.padStart(width)} ${name}`)
}

function loopLines(numbers: Readonly<Record<string, number>>): string[] {
  const { utilization, ...millis } = numbers
  // All zero: it has not been through the loop once.
  if (utilization === undefined || !(Math.max(...Object.values(millis)) > 0)) return []
  const times = Object.entries(millis).map(([name, value]) => `${name} ${withCommas(Math.round(value))} ms`)
  return [`${(utilization * 100).toFixed(1)} % busy since the start (${times.join(', ')})`]
}

function tableLines(rows: DumpTable): string[] {
  const heads = Object.keys(rows[0] ?? {})
  if (heads.length === 0) return []
  const cells = rows.map((row) => heads.map((head) => cellText(row[head] ?? null)))
  const isNumber = heads.map((head) => rows.every((row) => typeof row[head] !== 'string'))
  const widths = heads.map((head, at) => Math.max(head.length, ...cells.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row.map((text, at) => (isNumber[at] ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0))).join('  ')
  return [line(heads), ...cells.map(line)].map((text) => text.trimEnd())
}

function cellText(value: string | number | null): string {
  if (value === null) return '-'
  return typeof value === 'number' ? withCommas(value) : value
}

/** `1234567` → `1,234,567`. */
function withCommas(value: number): string {
  const [whole = '', fraction] = String(value).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}
