// What a simulated program does with its life. `command[0]` of a service names one of these.
import type { Dice } from './dice.ts'

export type Ending = 'exit-0' | 'exit-1' | 'crash' | 'finish' | 'hang'

export interface Behaviour {
  readonly spawns: boolean
  /** Says READY so long after its start; null: never. */
  readonly readyAfter: number | null
  /** Ends by itself so long after its start. */
  readonly end: { readonly after: number; readonly how: Ending } | null
  /** Ends so long after TERM and its like, 0-code; null: ignores them. */
  readonly onTerm: number | null
  /** A stop file or stop command, or the stop message, works. */
  readonly obeysWords: boolean
  /** Dies so long after KILL (uninterruptible sleep). */
  readonly onKill: number
  /** Processes of its group that outlive it: each dies so long after TERM, or null: only by KILL; `zombie`: never. */
  readonly leaves: readonly (number | null | 'zombie')[]
  /** Asks for more time when it boots or stops. */
  readonly extends: boolean
  /** Answers a reload: with RELOADING=1 and READY=1, or not. */
  readonly answersReload: boolean
}

const SOUND: Behaviour = {
  spawns: true,
  readyAfter: 20,
  end: null,
  onTerm: 10,
  obeysWords: false,
  onKill: 0,
  leaves: [],
  extends: false,
  answersReload: true,
}

/** Long enough that the worker was sound, see `restart.resetAfter`. */
const LATER = 5_000

type Program = (dice: Dice) => Partial<Behaviour>

const programs = {
  good: () => ({}),
  slow: (dice) => ({
    readyAfter: dice.between(200, 2_000),
    onTerm: dice.between(500, 3_000),
    extends: dice.chance(0.3),
  }),
  stubborn: (dice) => ({ onTerm: null, onKill: dice.between(0, 200), leaves: dice.chance(0.5) ? [null] : [] }),
  messy: (dice) => ({ leaves: [dice.between(0, 3_000), null], end: { after: dice.between(0, 8_000), how: 'crash' } }),
  zombie: (dice) => ({
    leaves: ['zombie'],
    end: dice.chance(0.5) ? { after: dice.between(0, 8_000), how: 'exit-1' } : null,
  }),
  'word-obeying': () => ({ obeysWords: true, onTerm: null }),
  unspawnable: () => ({ spawns: false }),
  'exits-at-boot': (dice) => ({
    readyAfter: null,
    end: { after: dice.between(0, 30), how: dice.pick(['exit-0', 'exit-1', 'crash']) },
  }),
  'hangs-at-boot': (dice) => ({ readyAfter: null, onTerm: dice.pick([5, null]) }),
  'finishes-at-boot': (dice) => ({ readyAfter: null, end: { after: dice.between(0, 30), how: 'finish' } }),
  'dies-on-probation': (dice) => ({
    end: { after: dice.between(21, 90), how: dice.pick(['exit-0', 'exit-1', 'crash', 'finish', 'hang']) },
  }),
  crashing: (dice) => ({ end: { after: dice.between(20, LATER), how: dice.pick(['exit-1', 'crash', 'exit-0']) } }),
  finishing: (dice) => ({ end: { after: dice.between(20, 2 * LATER), how: 'finish' }, onTerm: dice.pick([10, null]) }),
  hanging: (dice) => ({ end: { after: dice.between(30, LATER), how: 'hang' }, onTerm: null }),
  job: (dice) => ({ readyAfter: dice.pick([null, 20]), end: { after: dice.between(1, 3_000), how: 'exit-0' } }),
} satisfies Record<string, Program>

export type ProgramName = keyof typeof programs

export const PROGRAMS = Object.keys(programs) as ProgramName[]

/** Programs that never prove themselves: each of them must fail a rollout whose `minReady` is 100 ms. */
export const BROKEN: readonly ProgramName[] = [
  'unspawnable',
  'exits-at-boot',
  'hangs-at-boot',
  'finishes-at-boot',
  'dies-on-probation',
]

/** `mixed` is another program each time. */
export function behaviourOf(name: string, dice: Dice): Behaviour {
  const program = name === 'mixed' ? dice.pick(PROGRAMS) : (name as ProgramName)
  return { ...SOUND, ...(programs[program] as Program)(dice) }
}
