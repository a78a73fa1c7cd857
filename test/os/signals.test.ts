import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { parseSignal, SIGNAL_NUMBERS, signalName } from '../../src/os/signals.ts'

test.each([
  ['TERM', 'SIGTERM', 15],
  ['SIGTERM', 'SIGTERM', 15],
  ['term', 'SIGTERM', 15],
  [' Hup ', 'SIGHUP', 1],
  ['15', 'SIGTERM', 15],
  ['9', 'SIGKILL', 9],
  ['34', 'SIGRTMIN', 34],
  ['RTMIN', 'SIGRTMIN', 34],
  ['SIGRTMIN+1', 'SIGRTMIN+1', 35],
  ['RTMAX', 'SIGRTMIN+30', 64],
  ['RTMAX-2', 'SIGRTMIN+28', 62],
  ['64', 'SIGRTMIN+30', 64],
  ['6', 'SIGABRT', 6],
  ['29', 'SIGIO', 29],
])('%s is %s', (text, name, number) => {
  expect(parseSignal(text)).toEqual({ name, number })
})

test.each([
  '',
  'SIG',
  'NOPE',
  '0',
  '65',
  '99',
  '-9',
  '1.5',
  'RTMIN-1',
  'RTMAX+1',
  'RTMIN+31',
  'RTMIN+',
  'toString',
  '32',
])('%j is none', (text) => {
  expect(parseSignal(text)).toBeNull()
})

test('every name leads to its number and back', () => {
  for (const [name, number] of Object.entries(constants.signals)) {
    expect(parseSignal(name)?.number).toBe(number)
    expect(SIGNAL_NUMBERS[name]).toBe(number)
    expect(parseSignal(signalName(number))?.number).toBe(number)
  }
  expect(signalName(99)).toBe('signal 99')
})
