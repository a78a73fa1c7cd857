import { describe, expect, test } from 'vitest'
import { brief, loadProblems, loadSpec, loadWeb } from './temporary-config.ts'

const environment = { HOME: '/home/app', EMPTY: '', N: '3', YES: 'true', LATE: '10s' }

describe('variables in strings', () => {
  const description = async (text: string) =>
    (await loadWeb(`command: x\ndescription: ${JSON.stringify(text)}`, { environment })).description

  test.each([
    ['${HOME}', '/home/app'],
    ['a${HOME}b${N}c', 'a/home/appb3c'],
    ['${EMPTY}', ''],
    ['${EMPTY:-x}', 'x'],
    ['${NOPE:-x y}', 'x y'],
    ['${NOPE:-}', ''],
    ['${HOME:-x}', '/home/app'],
    ['$${HOME}', '${HOME}'],
    ['$$${HOME}', '$${HOME}'],
    ['$HOME $ {HOME} }', '$HOME $ {HOME} }'],
    ['${N}', '3'],
    ['${YES}', 'true'],
  ])('%s', async (text, replaced) => expect(await description(text)).toBe(replaced))
})

test('what looks like a number is one where a number is wanted, and text where text is wanted', async () => {
  const web = await loadWeb(
    'command: [run, "${N}"]\ninstances: ${N}\nautostart: ${YES}\nstartTimeout: ${LATE}\nrequestTimeout: ${N}\nenv: { N: "${N}" }\ntags: ["t${N}"]',
    { environment },
  )
  expect(web).toMatchObject({
    command: ['run', '3'],
    instances: 3,
    autostart: true,
    startTimeout: 10_000,
    requestTimeout: 3000,
    env: { N: '3' },
    tags: ['t3'],
  })
})

test('a command is looked at after its variables were replaced', async () => {
  expect((await loadWeb('command: ${HOME}/run ${N}', { environment })).command).toEqual(['/home/app/run', '3'])
  expect((await loadWeb('command: echo $${HOME}', { environment })).command).toEqual(['/bin/sh', '-c', 'echo ${HOME}'])
})

test('keys are left alone, also in JSON', async () => {
  const web = await loadSpec('{"services":{"web":{"command":"x","env":{"${HOME}":"${HOME}"}}}}', {
    environment,
    as: 'holdfast.json',
  })
  expect(web.services.web?.env).toEqual({ '${HOME}': '/home/app' })
  const escaped = await loadSpec('{"services":{"web":{"command":"x","env":{"A":"\\u0024{HOME}"}}}}', {
    environment,
    as: 'holdfast.json',
  })
  expect(escaped.services.web?.env).toEqual({ A: '/home/app' })
})

test('every unset variable is told, each at its place, also in one string and in JSON', async () => {
  const problems = await loadProblems('services:\n  web:\n    command: run ${ONE} ${TWO}\n    cwd: "${THREE}/x"\n')
  expect(problems.map(brief)).toEqual([
    '3:18 services.web.command HF_CONFIG_VARIABLE',
    '3:25 services.web.command HF_CONFIG_VARIABLE',
    '4:11 services.web.cwd HF_CONFIG_VARIABLE',
  ])
  expect(problems[0]).toMatchObject({
    excerpt: '    command: run ${ONE} ${TWO}',
    caret: '                 ^^^^^^',
    hint: 'Set it, or give a default: ${ONE:-value}',
  })
  const json = await loadProblems('{\n\t"services": {\n\t\t"web": { "command": "run ${ONE}" }\n\t}\n}\n', {
    as: 'holdfast.json',
  })
  expect(json.map(brief)).toEqual(['3:28 services.web.command HF_CONFIG_VARIABLE'])
  expect(json[0]?.caret).toBe('\t\t                         ^^^^^^')
})
