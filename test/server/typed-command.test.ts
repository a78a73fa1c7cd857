import { expect, test } from 'vitest'
import { typedCommand, typedHint } from '../../src/server/typed-command.ts'
import { callCli } from '../cli/call-cli.ts'

const nothingNamed = { config: null, socket: null }

test.each([
  ['called by its name', {}, '/usr/local/bin/holdfast', 'holdfast status'],
  ['through npx', { npm_command: 'exec' }, '/srv/app/node_modules/.bin/holdfast', 'npx holdfast status'],
  ['by npm start', { npm_lifecycle_event: 'start' }, '/srv/holdfast/dist/cli.cjs', 'npx holdfast status'],
  ['by its path in node_modules', {}, '/srv/app/node_modules/.bin/holdfast', 'npx holdfast status'],
])('%s', (_how, environment, program, text) => {
  expect(typedCommand(nothingNamed, environment, program)('status')).toBe(text)
})

test('for the config and the socket that were named', () => {
  const typed = typedCommand({ config: 'my shop.yaml', socket: '/run/s' }, {}, '/bin/holdfast')
  expect(typed('why web')).toBe("holdfast -c 'my shop.yaml' --socket /run/s why web")
  expect(typed('up')).toBe("holdfast -c 'my shop.yaml' up")
})

test('every command in a hint, and nothing else', () => {
  const typed = typedCommand({ config: 'c.yaml', socket: null }, { npm_command: 'exec' }, '')
  expect(typedHint('Use holdfast apply, or holdfast down first; see holdfast.log. Holdfast needs Linux.', typed)).toBe(
    'Use npx holdfast -c c.yaml apply, or npx holdfast -c c.yaml down first; see holdfast.log. Holdfast needs Linux.',
  )
})

test('errors say what to type', async () => {
  const environment = { npm_command: 'exec' }
  const { err } = await callCli(['-c', '/nowhere/c.yaml', 'status'], { environment })
  expect(err).toContain('Start it with: npx holdfast -c /nowhere/c.yaml up\n')
  expect((await callCli(['statsu'], { environment })).err).toContain('See: npx holdfast --help\n')
})

test('without a command the help is on stderr, exit 2', async () => {
  const { code, out, err } = await callCli([])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain('holdfast [options] COMMAND')
})
