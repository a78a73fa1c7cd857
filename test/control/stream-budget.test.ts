import { expect, test } from 'vitest'
import { StreamBudget } from '../../src/control/stream-budget.ts'

const KB = 1024

function budgetWith(total: number, ...waiting: number[]) {
  const budget = new StreamBudget(total)
  const streams = waiting.map((bytes) => ({ waiting: bytes }))
  for (const stream of streams) budget.add(stream)
  return { budget, streams, overdrawn: () => streams.map((stream) => budget.isOverdrawnBy(stream)) }
}

test('within the total everybody may have what it has', () => {
  expect(budgetWith(1000 * KB, 900 * KB, 50 * KB).overdrawn()).toEqual([false, false])
})

test('beyond it those go that have more than their share, never who is hardly behind', () => {
  expect(budgetWith(1000 * KB, 900 * KB, 400 * KB, 60 * KB).overdrawn()).toEqual([true, false, false])
  expect(budgetWith(100 * KB, 100 * KB, 100 * KB).overdrawn()).toEqual([true, true])
  expect(budgetWith(100 * KB, ...Array.from({ length: 100 }, () => 60 * KB)).overdrawn()).not.toContain(true)
})

test('a stream that is over counts no more', () => {
  const { budget, streams } = budgetWith(1000 * KB, 900 * KB, 400 * KB)
  const [first, second] = streams
  if (first === undefined || second === undefined) throw new Error('two were made')
  expect(budget.isOverdrawnBy(first)).toBe(true)
  budget.delete(second)
  expect(budget.isOverdrawnBy(first)).toBe(false)
})
