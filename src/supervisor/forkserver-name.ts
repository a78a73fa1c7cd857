// What a forkserver is called inside: each generation of it is one process that is kept up as a worker is, under a name that no
// service can have.

const FORM = /^forkserver:(.+)@(\d+)$/

/** `forkserver:app@3`: the third one of that name. */
export function instanceName(forkserver: string, generation: number): string {
  return `${targetName(forkserver)}@${generation}`
}

/** As it is addressed on the command line. */
export function targetName(forkserver: string): string {
  return `forkserver:${forkserver}`
}

/** Null: it is a service. */
export function instanceOf(name: string): { readonly forkserver: string; readonly generation: number } | null {
  // Looked at for each event of each service: most names end the look here.
  if (!name.startsWith('forkserver:')) return null
  const [, forkserver = '', generation = ''] = FORM.exec(name) ?? []
  return forkserver === '' ? null : { forkserver, generation: Number(generation) }
}
