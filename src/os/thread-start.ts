// Starts a thread, and waits until it says that it is there, with no JavaScript in between: whatever runs meanwhile may collect garbage,
// which gives work to threads, and libuv aborts where it is to wake a loop that is just being made.
import { functionAddress, functionAt } from './libc.ts'
import { OsError } from './os-error.ts'
import { newCodePage, newPages, readMemory, writeMemory } from './own-memory.ts'

/** int start_and_wait(struct plan *plan): as pthread_create. Machine code of x86-64. */
const CODE = Buffer.from(
  [
    '53', // push rbx
    '4889fb', // mov rbx, rdi
    '488b7b08', // mov rdi, [rbx+0x8]: thread
    '31f6', // xor esi, esi
    '488b5310', // mov rdx, [rbx+0x10]: start
    '488b4b18', // mov rcx, [rbx+0x18]: argument
    'ff13', // call [rbx]: pthread_create
    '85c0', // test eax, eax
    '7507', // jne out
    '488b7b18', // mov rdi, [rbx+0x18]: argument
    'ff5320', // call [rbx+0x20]: sem_wait
    // out:
    '5b', // pop rbx
    'c3', // ret
  ].join(''),
  'hex',
)
const WORD = 8
/** Behind the five words of the plan. */
const THREAD_AT = 5 * WORD

/**
 * Prepared in time: in a forked child nothing is to be looked up. What it returns starts a thread whose argument begins with a semaphore
 * that it posts, and says where its record lies. Without that it waits for ever: somebody must have an eye on it.
 */
export function prepareThreadStart(): (start: number, argument: number) => number {
  const plan = newPages(1)
  const startAndWait = functionAt<[number], number>(newCodePage(CODE), 'int (size_t plan)')
  const [create, wait] = [functionAddress('pthread_create'), functionAddress('sem_wait')]
  return (start, argument) => {
    const words = [create, plan + THREAD_AT, start, argument, wait].map(BigInt)
    writeMemory(plan, Buffer.from(BigUint64Array.from(words).buffer))
    const error = startAndWait(plan)
    if (error !== 0) throw new OsError('pthread_create', error)
    return Number(readMemory(plan + THREAD_AT, WORD).readBigUInt64LE(0))
  }
}
