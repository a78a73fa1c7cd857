import { describe, expect, test } from 'vitest'
import { deviceSlot, directorySlot, withDiskSlot } from '../../src/logs/disk-slots.ts'

/** Work that lasts until it is let go. */
function hanging(device: string) {
  let started = false
  let letGo = (): void => {}
  const end = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const done = withDiskSlot(device, () => {
    started = true
    return end
  })
  return { done, letGo: () => letGo(), started: () => started }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('withDiskSlot', () => {
  // Tests run with Node's 4 threads: 2 for a device, 3 in total.
  test('a device that hangs keeps few threads, others go on, and work that waited comes in order', async () => {
    expect(process.env.UV_THREADPOOL_SIZE).toBeUndefined()
    const first = Array.from({ length: 5 }, () => hanging(deviceSlot(1)))
    await turn()
    expect(first.map(({ started }) => started())).toEqual([true, true, false, false, false])
    expect(await withDiskSlot(deviceSlot(2), async () => 'answered')).toBe('answered')
    const second = Array.from({ length: 2 }, () => hanging(directorySlot('/somewhere')))
    await turn()
    expect(second.map(({ started }) => started())).toEqual([true, false])
    first[1]?.letGo()
    await first[1]?.done
    await turn()
    expect(first.map(({ started }) => started())).toEqual([true, true, true, false, false])
    for (const { letGo } of [...first, ...second]) letGo()
    await Promise.all([...first, ...second].map(({ done }) => done))
  })

  test('work that fails gives its thread back', async () => {
    for (let count = 0; count < 10; count++) {
      await expect(withDiskSlot(deviceSlot(1), () => Promise.reject(new Error('EIO')))).rejects.toThrow('EIO')
    }
  })
})
