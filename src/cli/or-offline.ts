// why, events and logs without a supervisor: from the directories that its pointer, or else the config, names.
import type { HoldfastError } from '../errors/holdfast-error.ts'
import { configFileOf, namedSocket } from '../server/find-supervisor.ts'
import { findPointer } from '../server/pointer.ts'
import { becomeOwner } from './become-owner.ts'
import { isUnreachable } from './call.ts'
import type { Context } from './context.ts'
import type { OfflineVerb, RecordDirectories } from './offline.ts'

export async function orOffline(context: Context, online: () => Promise<number>, verb: OfflineVerb): Promise<number> {
  try {
    return await online()
  } catch (error) {
    // One that has lost its socket still runs: what its files say would be called its last words.
    if (!isUnreachable(error) || (error as HoldfastError).code === 'HF_SOCKET_GONE') throw error
    const directories = await directoriesOf(context)
    if (directories === null) throw error
    const { offline } = await import('./offline.ts')
    return offline(context, verb, directories)
  }
}

async function directoriesOf(context: Context): Promise<RecordDirectories | null> {
  const { command } = context
  // A socket says nothing about directories.
  if (namedSocket(command.global, context) !== null) return null
  const file = configFileOf(command.global.config, context)
  if (file === null) return null
  // Without a pointer (a reboot empties /run) the config says where the logs are.
  const pointer = findPointer(file, context)
  if (pointer === null) return directoriesOfConfig(context, file)
  becomeOwner(pointer)
  return pointer
}

async function directoriesOfConfig({ environment, uid }: Context, file: string): Promise<RecordDirectories | null> {
  const { loadConfig } = await import('../config/load.ts')
  const result = await loadConfig(file, environment, { uid })
  return result.ok ? result.spec : null
}
