// docs/reference/signals.md, made from the tables of signal maps and actions.
import { SERVER_ACTIONS, SIGNAL_MAPS, type SignalRow } from './signal-maps.ts'

/** The reference page in Markdown. */
export function signalsPage(): string {
  const maps: readonly [string, readonly SignalRow[]][] = Object.entries(SIGNAL_MAPS)
  const actions = Object.entries(SERVER_ACTIONS).map(([name, doc]) => `| \`${name}\` | ${doc} |`)
  const parts = [
    INTRODUCTION,
    ...maps.map(mapSection),
    ['## Actions', '', 'For a map of your own.', '', '| action | |', '| --- | --- |', ...actions].join('\n'),
  ]
  return `${parts.join('\n\n')}\n`
}

const INTRODUCTION = `# Signals of a server

<!-- Made by scripts/docs.mjs from src/server/signal-maps.ts. Do not edit. -->

What signals mean to a server made with [the library](../library.md): \`signals: 'serverengine'\` takes one of these maps,
\`signals: { USR2: ['reopen-logs', 'reload'], WINCH: () => … }\` lays your own over \`holdfast\`.`

function mapSection([name, rows]: [string, readonly SignalRow[]]): string {
  const lines = rows.map(({ signal, actions, doc }) => {
    const words = actions.map((action) => `\`${action}\``).join(', ')
    return `| ${signal.replace(/^SIG/, '')} | ${words} | ${doc} |`
  })
  return [`## \`${name}\``, '', '| signal | actions | |', '| --- | --- | --- |', ...lines].join('\n')
}
