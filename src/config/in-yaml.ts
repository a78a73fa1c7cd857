import { plainValue, shorten, writtenText } from './written-scalar.ts'

/** A scalar as one would write it in YAML, also inside `{ }`; `…` where it is none. For hints. */
export function inYaml(raw: unknown): string {
  const text = writtenText(raw)
  if (text === null || text.includes('\n')) return '…'
  const short = shorten(text, 60)
  return typeof plainValue(raw) !== 'string' || isPlain(short) ? short : JSON.stringify(short)
}

/** What needs no quotes, and is no other value without them. */
function isPlain(text: string): boolean {
  return /^[A-Za-z_./][^:#{}[\],&*!|>'"%@`\\]*$/.test(text) && !/^(true|false|null|\s.*|.*\s)$/i.test(text)
}
