// What each worker does first, done once before the fork: V8 compiles a function when it is called for the first time. Nothing is opened
// that anybody could see.
import { closeSync, openSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hooks } from './hooks.ts'
import { useUpRandomCaches } from './random-caches.ts'

/** After so many V8 has it optimized: a worker needs 0.2 ms for it in place of 0.8. */
const RANDOM_ROUNDS = 6

export async function rehearse(): Promise<void> {
  for (let round = 0; round < RANDOM_ROUNDS; round++) useUpRandomCaches()
  await listenInVain(newServer())
  for (const rehearseWorker of hooks().rehearse ?? []) await rehearseWorker(newServer())
}

/** An application without HTTP does not load it for this. */
function newServer(): Server {
  return isLoaded('http') ? (require('node:http') as typeof import('node:http')).createServer() : createServer()
}

/** Where nothing can be listened to. */
async function listenInVain(server: Server): Promise<void> {
  const fd = openSync('/dev/null', 'r')
  await new Promise((resolve) => server.once('error', resolve).listen({ fd }))
  closeSync(fd)
}

function isLoaded(name: string): boolean {
  const { moduleLoadList } = process as unknown as { moduleLoadList?: readonly string[] }
  return moduleLoadList?.includes(`NativeModule ${name}`) ?? false
}
