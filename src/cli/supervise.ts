// The door of the supervisor's bundle: what `up` and, with a dead supervisor, `down` need beyond the control socket.
export { endLeftovers, livingLeftovers } from '../supervisor/leftover.ts'
export { supervise } from './detached.ts'
export { up } from './up.ts'
