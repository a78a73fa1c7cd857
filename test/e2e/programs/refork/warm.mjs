// Loaded by the entry, and so once: by the worker that becomes a forkserver.
export const warm = { since: process.pid }
