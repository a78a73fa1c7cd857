// What must be there before a process may fork workers from itself. Where something is not as we know it, nothing is forked.
import { prepareEventLoop } from '../../os/event-loop.ts'
import { prepareFork } from '../../os/fork.ts'
import { areasNotInherited, inheritableStretches, inheritMemory } from '../../os/inherit-memory.ts'
import { exitAtOnce } from '../../os/node-exit.ts'
import { NodeThreads } from '../../os/node-threads.ts'

const KNOWN_MAJORS = ['20', '22', '24', '26']
const LOOKS_AT_MEMORY = 50
/** Milliseconds. */
const FIND_THREADS_WITHIN = 2000
const LOOK_AGAIN_AFTER = 2
const LOADER = ' (a loader with a thread of its own, as tsx has, runs before this program)'

/** To be called before anything else starts a thread. @throws Error: why this process can not fork workers */
export async function prepareForks(): Promise<NodeThreads> {
  const [major = ''] = process.versions.node.split('.')
  if (!KNOWN_MAJORS.includes(major)) throw new Error(`nobody has tried a fork of Node ${major}`)
  const threads = await findThreads(performance.now() + FIND_THREADS_WITHIN)
  prepareEventLoop()
  exitAtOnce()
  prepareFork()
  checkInheritance()
  return threads
}

/** On a busy machine they have not all come to rest when the first line of a program runs. */
async function findThreads(deadline: number): Promise<NodeThreads> {
  for (;;) {
    try {
      return NodeThreads.find()
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${(error as Error).message}${LOADER}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_AFTER))
    }
  }
}

/** To look takes memory, which V8 may have mapped meanwhile: none of it is left when it is said at the first or at a later look. */
function checkInheritance(): void {
  let left = 0
  for (let looks = 0; looks < LOOKS_AT_MEMORY; looks++) {
    inheritMemory(inheritableStretches())
    left = areasNotInherited()
    if (left === 0) return
  }
  throw new Error(`the kernel would keep ${left} areas of memory from a child`)
}
