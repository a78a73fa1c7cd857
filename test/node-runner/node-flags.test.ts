import { expect, test } from 'vitest'
import { NODE_FLAGS, withoutNodeFlags } from '../../src/forkserver/node-flags.ts'

test('what a worker says it was started with is what the user has chosen', () => {
  const own = ['--max-semi-space-size=64', '--heap-growing-percent=0', '--inspect-port=0']
  expect(withoutNodeFlags([...NODE_FLAGS, ...own])).toEqual(own)
  expect(withoutNodeFlags(NODE_FLAGS)).toEqual([])
  // Started by somebody else.
  expect(withoutNodeFlags(own)).toEqual(own)
  expect(withoutNodeFlags([])).toEqual([])
  const onOtherCores = NODE_FLAGS.map((flag) => flag.replace(/^--v8-pool-size=.*/, '--v8-pool-size=3'))
  expect(withoutNodeFlags([...onOtherCores, ...own])).toEqual(own)
})
