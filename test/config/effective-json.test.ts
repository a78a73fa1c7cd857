import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { effectiveConfig, effectiveYaml, loadConfig } from '../../src/config/load.ts'
import { filesIn, loadSpec } from './temporary-config.ts'

const everything = `
name: shop
control: { allow: [root] }
sockets:
  http: tcp://127.0.0.1:0
  six: { listen: 'tcp6://[::]:53', v6only: false, backlog: 5 }
  dns: udp://:53
  app: { listen: 'unix:app.sock', mode: '0660', user: root, group: 0, nonblocking: true }
services:
  plain: { command: node a.js }
  rich:
    command: 'echo $\${HOME} | cat > "x y"'
    description: "it's: a #test"
    tags: [a, b]
    instances: cpus
    autostart: false
    dependsOn: { plain: started }
    user: nobody
    group: nogroup
    umask: '0027'
    nice: -5
    env: { N: 007, E: '', V: '$\${X}', my.key: "a\\nb" }
    limits: { nofile: 100, core: unlimited, stack: { soft: 8MB, hard: unlimited }, cpu: 10 }
    sockets: [http, six]
    stdin: socket:app
    stdout: file:out.log
    stderr: inherit
    startTimeout: 90s
    ready: { http: 'http://127.0.0.1:1/x' }
    heartbeat: { interval: 1s, timeout: 2500ms, signals: [ABRT/1s] }
    requestTimeout: 1.5h
    restart: { when: on-failure, maxRetries: 5, unrecoverable: [3], jitter: 0, delay: 1ms }
    stop: { signals: [{ signal: INT, every: 1s, increment: 100ms, for: 9s }, TERM/never], file: stop-%p, command: [x, y], timeout: 8s }
    reload: { command: 'x | y', timeout: 5s }
    rollout: { maxSurge: 2, minReady: 1m, canary: false }
  other: { command: x, session: false, ready: { tcp: '[::1]:80' }, reload: { signal: HUP } }
  third: { command: x, ready: { exec: [a, b] }, stop: { group: false } }
  fourth: { command: x, ready: { log: '^up\\d' } }
  fifth: { command: x, ready: { ipc: true } }
  sixth: { command: x, ready: notify }
`

test('the effective config is a config, and gives the same spec again: as YAML and as JSON', async () => {
  const { directory, ...spec } = await loadSpec(everything, { cpus: 3, uid: 0 })
  for (const [name, text] of [
    ['again.yaml', effectiveYaml(spec)],
    ['again.json', JSON.stringify(effectiveConfig(spec))],
  ] as const) {
    const file = join(filesIn({ [name]: text }), name)
    const again = await loadConfig(file, {}, { cpus: 99, uid: 12 })
    if (!again.ok) throw new Error(JSON.stringify(again.problems))
    expect({ ...again.spec, configFile: spec.configFile }, readFileSync(file, 'utf8')).toEqual(spec)
  }
  expect(directory).not.toBe('')
})

test('it is written in the units a user writes', async () => {
  const spec = await loadSpec(everything, { cpus: 3, uid: 0 })
  expect(effectiveConfig(spec)).toMatchObject({
    control: { mode: '0666' },
    sockets: { six: { listen: 'tcp6://[::]:53' }, app: { mode: '0660' } },
    services: {
      plain: {
        heartbeat: 'off',
        requestTimeout: 'off',
        startTimeout: '30s',
        stop: { signals: ['TERM/10s', 'KILL/10s'] },
        restart: { maxRetries: 'never' },
      },
      rich: {
        instances: 3,
        umask: '0027',
        requestTimeout: '90m',
        limits: { nofile: 100, core: 'unlimited' },
        env: { N: '007', V: '$${X}' },
      },
    },
  })
})
