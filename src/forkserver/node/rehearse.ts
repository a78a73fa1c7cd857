// What each worker does first, done once before the fork: V8 compiles a function when it is called for the first time. Nothing can listen
// where it is tried. It only saves time: whatever goes wrong, the forkserver goes on without it.
import { closeSync, openSync } from 'node:fs'
import { Server } from 'node:net'
import { hooks } from './hooks.ts'
import { useUpRandomCaches } from './random-caches.ts'

/** After so many V8 has it optimized: a worker needs 0.2 ms for it in place of 0.8. */
const RANDOM_ROUNDS = 6
/** Milliseconds. It takes a hundredth of that. */
const PATIENCE = 100

const { listen } = Server.prototype

export async function rehearse(): Promise<void> {
  for (let round = 0; round < RANDOM_ROUNDS; round++) useUpRandomCaches()
  // Somebody who has replaced it (a tool that watches servers, a host that gives ports) may do anything with these.
  if (Server.prototype.listen !== listen) return
  try {
    await listenInVain(newServer())
    for (const rehearseWorker of hooks().rehearse ?? []) await rehearseWorker(newServer())
  } catch {
    // The workers will say what there is to say.
  }
}

/** An application without HTTP does not load it for this. */
function newServer(): Server {
  if (!isLoaded('http')) return new Server()
  const http = require('node:http') as typeof import('node:http')
  return new http.Server()
}

async function listenInVain(server: Server): Promise<void> {
  const fd = openSync('/dev/null', 'r')
  try {
    await new Promise((resolve) => {
      setTimeout(resolve, PATIENCE).unref()
      server.once('error', resolve).listen({ fd })
    })
  } finally {
    closeSync(fd)
  }
}

function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList?: readonly string[] }
  return moduleLoadList?.includes(`NativeModule ${name}`) ?? false
}
