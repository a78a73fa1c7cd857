import { expect, test } from 'vitest'
import { humanDuration, humanSize } from '../../src/control/human-units.ts'

test.each([
  [-5, '0ms'],
  [0, '0ms'],
  [999, '999ms'],
  [1000, '1.0s'],
  [9_949, '9.9s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [200_000, '3m 20s'],
  [3_600_000, '1h'],
  [18_180_000, '5h 3m'],
  [90_000_000, '1d 1h'],
])('%d ms is %s', (millis, text) => {
  expect(humanDuration(millis)).toBe(text)
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KB'],
  [12_900_000, '12.3 MB'],
  [125_829_120, '120 MB'],
  [5 * 1024 ** 4, '5.0 TB'],
  [5 * 1024 ** 5, '5120 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(humanSize(bytes)).toBe(text)
})
