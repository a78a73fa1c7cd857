import { describe, expect, test } from 'vitest'
import {
  composeHoldfastId,
  descendsFromHoldfastId,
  holdfastIdElements,
  socketVariable,
} from '../../src/wire/worker-environment.ts'

test('socket variables are upper case with underscores', () => {
  expect(socketVariable('http')).toBe('HOLDFAST_SOCKET_HTTP')
  expect(socketVariable('admin-Api_2')).toBe('HOLDFAST_SOCKET_ADMIN_API_2')
})

describe('HOLDFAST_ID', () => {
  test('under another Holdfast has its id first', () => {
    expect(composeHoldfastId(null, 'a.web.0.1')).toBe('a.web.0.1')
    expect(composeHoldfastId('', 'a.web.0.1')).toBe('a.web.0.1')
    expect(composeHoldfastId('outer.x', 'a.web.0.1')).toBe('outer.x/a.web.0.1')
    expect(holdfastIdElements(composeHoldfastId('one/two', 'three'))).toEqual(['one', 'two', 'three'])
    expect(holdfastIdElements('')).toEqual([])
  })

  test('belongs to each of its elements as a whole', () => {
    expect(descendsFromHoldfastId('outer/own', 'own')).toBe(true)
    expect(descendsFromHoldfastId('outer/own', 'outer')).toBe(true)
    expect(descendsFromHoldfastId('outer/own1', 'own')).toBe(false)
    expect(descendsFromHoldfastId('outer/own', 'outer/own')).toBe(false)
    expect(descendsFromHoldfastId('', '')).toBe(false)
  })
})
