// docs/reference/errors.md, made from the table of errors.
import { ERRORS, type ErrorRow } from './table.ts'

/** The reference page in Markdown. */
export function errorsPage(): string {
  const rows: readonly [string, ErrorRow][] = Object.entries(ERRORS)
  return `${INTRODUCTION}\n\n${rows.map(sectionText).join('\n\n')}\n`
}

const INTRODUCTION = `# Errors

<!-- Made by scripts/docs.mjs from src/errors/table.ts. Do not edit. -->

Every error has a code, one sentence, and a hint how to mend it. The command line prints sentence and hint; the control API answers
with \`{ "code", "message", "hint" }\`. Words in braces are filled in. *Exit* is the exit code of the command line, *HTTP* the status of
the control API.`

function sectionText([code, { message, hint, about, exit, http }]: [string, ErrorRow]): string {
  const lines = [`## ${code}`, '', `Exit ${exit}, HTTP ${http}.${about === undefined ? '' : ` ${about}`}`]
  // A row of placeholders only says nothing more than the code does.
  if (message !== '{problem}') lines.push('', `> ${message.replace(/\{(\w+):(\w+)\}/g, '{$1} $2s')}`)
  if (hint !== '{mend}') lines.push('', hint)
  return lines.join('\n')
}
