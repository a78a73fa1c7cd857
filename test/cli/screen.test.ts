import { expect, test } from 'vitest'
import { fitToScreen } from '../../src/cli/screen.ts'

const lines = (count: number, text = 'row') =>
  Array.from({ length: count }, (_, index) => `${text} ${index}\n`).join('')
const heightOf = (picture: string, columns: number) =>
  picture
    .replace(/\n$/, '')
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.replace(/\u001b\[\d+m/g, '').length / columns)), 0)

test('what has room is left as it is, with the foot below', () => {
  expect(fitToScreen('a\nb\n', ['one', 'two'], { columns: 80, rows: 24 })).toBe('a\nb\n\none\ntwo\n')
})

test('what is too long is cut, and says by how much', () => {
  const picture = fitToScreen(lines(100), [], { columns: 80, rows: 10 })
  expect(picture).toBe(`${lines(8)}… 92 more lines: make the window higher, or name a service\n`)
})

test.each([
  [24, 80],
  [10, 40],
  [5, 20],
  [2, 10],
])('%i rows of %i columns are never exceeded', (rows, columns) => {
  const foot = ['\u001b[1mfirst\u001b[22m', 'x'.repeat(200), 'last']
  for (const count of [1, 3, 8, 30]) {
    for (const text of ['row', 'r'.repeat(35)]) {
      const picture = fitToScreen(lines(count, text), foot, { columns, rows })
      expect(heightOf(picture, columns), picture).toBeLessThan(Math.max(rows, 3))
    }
  }
})

test('a line of the foot is one row: cut by what is seen of it, its colour closed', () => {
  const picture = fitToScreen('a\n', ['\u001b[1mabcdefghij\u001b[22mklm'], { columns: 6, rows: 24 })
  expect(picture).toBe('a\n\n\u001b[1mabcde…\u001b[0m\n')
})
