// What a program needs as command or as server, and its workers do not: a bundle of its own, so that a worker does not load it
// (7 MB and 10 ms).
export { openEngine } from '../supervisor/open-engine.ts'
export { openGuestServer } from './open-server.ts'
export { Program } from './program.ts'
export { parseProgramCommand } from './program-command.ts'
export { programWords } from './program-hints.ts'
export { refuseUnplaceable } from './refuse-options.ts'
export { serveSupervised } from './serve-supervised.ts'
export { serveInBackground } from './server-process.ts'
export { refuseWhatCanNotBe } from './server-spec.ts'
