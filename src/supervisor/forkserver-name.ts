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

/** What people call a worker: `web/0`; of a forkserver each generation has one process, and is called by itself. */
export function workerName(service: string, slot: number | string): string {
  return instanceOf(service) === null ? `${service}/${slot}` : service
}

/** `forkserver.app` for `<logDir>/forkserver.app.log`. */
export function logNameOf(forkserver: string): string {
  return `forkserver.${forkserver}`
}

/** The name of the log file of a target, without its ending. */
export function logNameOfTarget(target: string): string {
  return target.startsWith(targetName('')) ? logNameOf(target.slice(targetName('').length)) : target
}

/** The other way round. A service has no dot in its name. */
export function targetOfLogName(name: string): string {
  return name.startsWith(logNameOf('')) ? targetName(name.slice(logNameOf('').length)) : name
}
