export type Colour = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'bold' | 'dim'
export type Paint = (colour: Colour, text: string) => string

const CODES: Readonly<Record<Colour, [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
}

const plain: Paint = (_colour, text) => text
const coloured: Paint = (colour, text) => {
  const [on, off] = CODES[colour]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** Colours only for a terminal, and not where the user said no (`--no-color`, NO_COLOR with any value but the empty one). */
export function paintFor(
  isTty: boolean,
  noColorOption: boolean,
  environment: Record<string, string | undefined>,
): Paint {
  const refused = noColorOption || (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb'
  return isTty && !refused ? coloured : plain
}

/** By what it does: each bundle has a `plain` of its own. */
export function isColoured(paint: Paint): boolean {
  return paint('bold', 'x') !== 'x'
}

export function colourOfState(state: string): Colour {
  if (state === 'running') return 'green'
  if (state === 'fatal') return 'red'
  return state === 'stopped' || state === 'exited' ? 'dim' : 'yellow'
}
