import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { BlockingFlag, type TransferredFlag } from '../../src/server/blocking-flag.ts'
import { useScratch, within } from '../os/scratch.ts'

const scratch = useScratch()

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

/** Runs a body with `flag`, `ack` and `post` in a real thread. */
function startThread(body: string, flag: BlockingFlag, ack = BlockingFlag.shared()) {
  const file = scratch.now.bundle(`
    import { parentPort, workerData } from 'node:worker_threads'
    import { BlockingFlag } from 'src/server/blocking-flag.ts'
    const flag = BlockingFlag.from(workerData.flag)
    const ack = BlockingFlag.from(workerData.ack)
    const post = (value: unknown) => parentPort?.postMessage(value)
    async function main() { ${body} }
    main()`)
  const worker = new Worker(file, { workerData: { flag: flag.transfer(), ack: ack.transfer() } })
  scratch.now.atEnd(() => void worker.terminate())
  return { worker, message: () => within(once(worker, 'message'), 'a message').then(([value]) => value as unknown) }
}

test('what is no flag, and no signal, is refused at once: nothing is thrown later, where nobody could catch it', async () => {
  for (const nothing of [5, {}, { blockingFlag: new ArrayBuffer(4) }])
    expect(() => new BlockingFlag(nothing as never)).toThrow(TypeError)
  const wait = async () => new BlockingFlag().waitForSet(5, { signal: 5 as never })
  await expect(wait()).rejects.toThrow(TypeError)
})

describe.each([
  ['a flag of one thread', () => new BlockingFlag()],
  ['a shared flag', () => BlockingFlag.shared()],
])('%s', (_, make) => {
  test('says whether it was toggled', () => {
    const flag = make()
    expect(flag.isSet).toBe(false)
    expect([flag.reset(), flag.set(), flag.set(), flag.isSet]).toEqual([false, true, false, true])
    expect([flag.reset(), flag.reset(), flag.isSet]).toEqual([true, false, false])
  })

  test('what is so already is not waited for, however short the time', async () => {
    const flag = make()
    expect(await flag.waitForReset(0)).toBe(true)
    expect(await flag.waitForSet(0)).toBe(false)
    expect(await flag.waitForSet(-5)).toBe(false)
    flag.set()
    expect(await flag.waitForSet(0)).toBe(true)
    expect(await flag.waitForReset(0)).toBe(false)
  })

  test('all who wait are let go on when it is toggled, even if it is toggled back at once', async () => {
    const flag = make()
    const waiting = Promise.all([flag.waitForSet(), flag.waitForSet(60_000)])
    flag.set()
    flag.reset()
    expect(await within(waiting, 'set')).toEqual([true, true])
    flag.set()
    const again = flag.waitForReset()
    flag.reset()
    expect(await within(again, 'reset')).toBe(true)
  })

  test('false when the time is over, and not before', async () => {
    const flag = make()
    const started = performance.now()
    expect(await flag.waitForSet(100)).toBe(false)
    expect(performance.now() - started).toBeGreaterThan(98)
    expect(flag.set()).toBe(true)
    expect(await flag.waitForReset(1)).toBe(false)
  })

  test('a time longer than timers can count is not over at once', async () => {
    const flag = make()
    const waiting = flag.waitForSet(2 ** 40)
    expect(await flag.waitForSet(20)).toBe(false)
    expect(await Promise.race([waiting, 'still waiting'])).toBe('still waiting')
    flag.set()
    expect(await within(waiting, 'set')).toBe(true)
  })

  test('an abort ends the waiting with its reason', async () => {
    const flag = make()
    const reason = new Error('enough')
    await expect(flag.waitForSet(60_000, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const waiting = flag.waitForSet(undefined, { signal: controller.signal })
    const other = flag.waitForSet()
    controller.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    flag.set()
    expect(await within(other, 'the one that nobody aborted')).toBe(true)
  })

  test('leaves no timer and no listener behind, however the waiting ends', async () => {
    const flag = make()
    const before = timers()
    const { signal } = new AbortController()
    const added: string[] = []
    signal.addEventListener = (type: string) => void added.push(type)
    signal.removeEventListener = (type: string) => void added.splice(added.indexOf(type), 1)
    const met = Promise.all([flag.waitForSet(60_000, { signal }), flag.waitForSet()])
    expect(added).toEqual(['abort'])
    expect(timers()).toBeGreaterThan(before)
    flag.set()
    await met
    await flag.waitForReset(1, { signal })
    const controller = new AbortController()
    const aborted = flag.waitForReset(60_000, { signal: controller.signal })
    controller.abort()
    await expect(aborted).rejects.toThrow()
    expect(timers()).toBe(before)
    expect(added).toEqual([])
  })

  test('refuses what is no time', () => {
    expect(() => make().waitForSet(Number.NaN)).toThrow(TypeError)
    expect(() => make().waitForSet('5s' as unknown as number)).toThrow('a timeout is a number of milliseconds, not 5s')
  })
})

describe('between threads', () => {
  test('a flag of one thread can not be shared, nor waited for without the event loop', () => {
    expect(() => new BlockingFlag().transfer()).toThrow('BlockingFlag.shared()')
    expect(() => new BlockingFlag().waitForSetSync()).toThrow('BlockingFlag.shared()')
    expect(() => BlockingFlag.from({} as TransferredFlag)).toThrow(TypeError)
    expect(() => BlockingFlag.from(null as unknown as TransferredFlag)).toThrow(TypeError)
  })

  test('two flags of one buffer are one flag', async () => {
    const one = BlockingFlag.shared()
    const other = BlockingFlag.from(structuredClone(one.transfer()))
    const waiting = other.waitForSet()
    expect(one.set()).toBe(true)
    expect(other.set()).toBe(false)
    expect(await within(waiting, 'set')).toBe(true)
  })

  test('a thread that stands still goes on when the main thread sets it', async () => {
    const flag = BlockingFlag.shared()
    const { message } = startThread(`post('waits'); post([flag.waitForSetSync(), flag.isSet])`, flag)
    expect(await message()).toBe('waits')
    const answer = message()
    expect(flag.set()).toBe(true)
    expect(await answer).toEqual([true, true])
  })

  test('a thread with nothing else to do waits on, and sees each change', async () => {
    const flag = BlockingFlag.shared()
    const { worker, message } = startThread(
      `post('waits'); await flag.waitForSet(); post('set'); await flag.waitForReset(); post('reset')`,
      flag,
    )
    const exited = once(worker, 'exit')
    expect(await message()).toBe('waits')
    const set = message()
    flag.set()
    expect(await set).toBe('set')
    const reset = message()
    flag.reset()
    expect(await reset).toBe('reset')
    // Nothing holds it any more.
    expect(await within(exited, 'the end of the thread')).toEqual([0])
  })

  test('the main thread waits, with and without its event loop', async () => {
    const flag = BlockingFlag.shared()
    const ack = BlockingFlag.shared()
    startThread(`flag.set(); ack.waitForSetSync(); flag.reset()`, flag, ack)
    expect(await within(flag.waitForSet(), 'set')).toBe(true)
    expect(flag.waitForResetSync(0)).toBe(false)
    ack.set()
    expect(flag.waitForResetSync(10_000)).toBe(true)
  })

  test('without the event loop: false when the time is over', () => {
    const flag = BlockingFlag.shared()
    const started = performance.now()
    expect(flag.waitForSetSync(50)).toBe(false)
    expect(performance.now() - started).toBeGreaterThan(48)
    flag.set()
    expect(flag.waitForSetSync()).toBe(true)
  })

  test('however many threads toggle it, each toggle is one thread’s', async () => {
    const flag = BlockingFlag.shared()
    const go = BlockingFlag.shared()
    const body = `post('there'); ack.waitForSetSync()
      let balance = 0
      for (let turn = 0; turn < 200_000; turn++) {
        if (flag.set()) balance++
        if (flag.reset()) balance--
      }
      post(balance)`
    const threads = [1, 2, 3].map(() => startThread(body, flag, go))
    await Promise.all(threads.map(({ message }) => message()))
    const balances = Promise.all(threads.map(({ message }) => message()))
    go.set()
    expect((await balances).reduce((sum: number, balance) => sum + Number(balance), 0)).toBe(flag.isSet ? 1 : 0)
  })

  test('who waits for another thread is not ended for having nothing else to do', async () => {
    // The timer stands for a thread that does not keep the process either.
    const answer = await scratch.now.program(`
      import { BlockingFlag } from 'src/server/blocking-flag.ts'
      const flag = BlockingFlag.shared()
      const other = BlockingFlag.from(flag.transfer())
      setTimeout(() => other.set(), 50).unref()
      flag.waitForSet().then((set) => console.log(JSON.stringify(set)))`)
    expect(answer).toBe(true)
  })

  test('a promise that timed out does not keep those of other threads from going on', async () => {
    const flag = BlockingFlag.shared()
    const { message } = startThread(`post('waits'); post(flag.waitForSetSync())`, flag)
    await message()
    const answer = message()
    // Gives up and wakes everybody to be forgotten: the thread must look and wait on.
    expect(await flag.waitForSet(5)).toBe(false)
    flag.set()
    expect(await answer).toBe(true)
  })
})
