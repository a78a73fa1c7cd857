// Who the worker is, and what it may use: all that posix_spawn and small programs set for a spawned one.
import { getPriority, setPriority } from 'node:os'
import { keepDumpable } from '../../os/dumpable.ts'
import { setLimits } from '../../os/limits.ts'
import { leadGroup, leadSession } from '../../os/session.ts'
import { lookupUser } from '../../os/users.ts'
import type { StartOrder, UserToBe } from './start-order.ts'

/** @throws OsError or Error saying what is not allowed */
export function takeRights(order: StartOrder): void {
  if (order.session === true) leadSession()
  else if (order.session === 'group') leadGroup()
  if (order.umask !== null) process.umask(order.umask)
  setLimits(order.limits)
  if (order.nice !== 0) setPriority(getPriority() + order.nice)
  if (order.user !== null) becomeUser(order.user)
}

/** In this order: afterwards it is too late for the others. */
function becomeUser(user: UserToBe): void {
  const { uid, gid, groups } = typeof user === 'string' ? userByName(user) : user
  process.setgroups?.([...groups])
  process.setgid?.(gid)
  if (uid !== null) process.setuid?.(uid)
  keepDumpable()
}

function userByName(name: string): { uid: number; gid: number; groups: readonly number[] } {
  const user = lookupUser(name)
  if (user === null) throw new Error(`there is no user ${name}`)
  return user
}
