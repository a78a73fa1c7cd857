// What must be there before a process may fork workers from itself. Where something is not as we know it, nothing is forked.
import { prepareEventLoop } from '../../os/event-loop.ts'
import { prepareFork } from '../../os/fork.ts'
import { areasNotInherited, inheritMemory, prepareInheritance } from '../../os/inherit-memory.ts'
import { exitAtOnce } from '../../os/node-exit.ts'
import { NodeThreads } from '../../os/node-threads.ts'

const KNOWN_MAJORS = ['20', '22', '24', '26']

/** To be called before anything else starts a thread. @throws Error: why this process can not fork workers */
export function prepareForks(): NodeThreads {
  const [major = ''] = process.versions.node.split('.')
  if (!KNOWN_MAJORS.includes(major)) throw new Error(`nobody has tried a fork of Node ${major}`)
  if (!process.execArgv.includes('--single-threaded')) throw new Error('Node was not started with --single-threaded')
  const threads = NodeThreads.find()
  prepareEventLoop()
  exitAtOnce()
  prepareFork()
  prepareInheritance()
  inheritMemory()
  const left = areasNotInherited()
  if (left > 0) throw new Error(`the kernel would keep ${left} areas of memory from a child`)
  return threads
}
