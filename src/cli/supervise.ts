// The door of the supervisor's bundle: what `up`, `status --watch` and, with a dead supervisor, `down` need beyond the quick commands.
export { lockHolder } from '../os/file-lock.ts'
export { livingLeftovers } from '../supervisor/leftover.ts'
export { supervise } from './detached.ts'
export { downWithoutSocket } from './down-without-socket.ts'
export { up } from './up.ts'
export { watchStatus } from './watch-status.ts'
