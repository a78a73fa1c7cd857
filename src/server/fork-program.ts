// What the workers of a server of type `fork` are, said to the forkserver that loads it.

/** The worker is in a module of its own, or in the program that has defined the server. */
export type ForkProgram =
  | { readonly is: 'module'; readonly module: string }
  | { readonly is: 'program'; readonly file: string; readonly args: readonly string[] }

/** As JSON. */
export const FORK_PROGRAM = 'HOLDFAST_FORK_PROGRAM'

/** Taken out of the environment: what this process starts is something else. */
export function takeForkProgram(environment: NodeJS.ProcessEnv): ForkProgram | null {
  const text = environment[FORK_PROGRAM]
  delete environment[FORK_PROGRAM]
  return text === undefined ? null : JSON.parse(text)
}
