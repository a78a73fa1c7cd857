// What services say: where it stands, how it is found again, and that no line is lost, torn or mixed up.
import { mkdirSync, renameSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = 'exec sleep 1000'

test('the default layout: time, worker, stream, line; in order, across rotations at 10 MB', async () => {
  const scene = newScene()
  // 27 MB in two streams, each numbered.
  const count = 130_000
  const say = (stream: string) => `seq -f "${stream} %.0f ${'x'.repeat(60)}" 1 ${count}`
  const command = shell(`${say('out')} & ${say('err')} >&2 & wait`, SLEEP)
  scene.configure({ services: { big: { command } } })
  await scene.up()
  const files = () => ['log/big.log.2', 'log/big.log.1', 'log/big.log'].map((name) => scene.read(name))
  const isComplete = () =>
    ['out', 'err'].every((stream) => files().some((text) => text.includes(` ${stream} ${count} x`)))
  await waitFor(isComplete, { within: 30_000, every: 100 })
  expect(scene.exists('log/big.log.3')).toBe(false)
  for (const file of files()) expect(file.length).toBeLessThanOrEqual(10 * 1024 * 1024)
  // Rotated at a line's end.
  for (const file of files()) expect(file).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z big\/0 [\s\S]*\n$/)
  const next = { out: 1, err: 1 }
  const odd: string[] = []
  for (const line of files().join('').split('\n').slice(0, -1)) {
    const [, stream, said, number] = /^\S+Z big\/0 (out|err) (out|err) (\d+) x+$/.exec(line) ?? []
    if ((stream === 'out' || stream === 'err') && stream === said && Number(number) === next[stream]) next[stream]++
    else odd.push(line)
  }
  expect({ odd: odd.slice(0, 3), next }).toEqual({ odd: [], next: { out: count + 1, err: count + 1 } })
  // More than the file that is written holds.
  const back = await scene.holdfast('logs', 'big', '-n', '200000', '--stream', 'out')
  const lines = back.out.split('\n').slice(0, -1)
  expect(lines).toHaveLength(count)
  expect(lines[0]).toMatch(/ big\/0 out out 1 x+$/)
})

test('logs -f goes on over a rotation, without a line twice or missing', async () => {
  const scene = newScene()
  const count = 20_000
  const numbered =
    'for step in 0 1 2 3; do seq -f "line %.0f" $((step * 5000 + 1)) $((step * 5000 + 5000)); sleep 0.1; done'
  const command = shell('while [ ! -e go ]; do sleep 0.02; done', numbered, 'echo done', SLEEP)
  scene.configure({ services: { web: { command } } })
  // Nearly full already.
  const old = '2001-01-01T00:00:00.000Z web/0 out old\n'
  mkdirSync(scene.path('log'))
  scene.write('log/web.log', old.repeat(Math.floor((10 * 1024 * 1024 - 400_000) / old.length)))
  await scene.up()
  const follower = scene.start(['-c', scene.config, 'logs', '-f', '-n', '1', 'web'])
  let text = ''
  follower.stdout?.on('data', (chunk) => {
    text += chunk
  })
  await waitFor(() => text.includes(' out old\n'))
  scene.write('go', '')
  await waitFor(() => text.includes(' out done\n'), { within: 20_000, every: 50 })
  follower.kill('SIGINT')
  const numbers = [...text.matchAll(/ out line (\d+)\n/g)].map(([, number]) => Number(number))
  expect(numbers.find((number, index) => number !== index + 1)).toBe(undefined)
  expect(numbers).toHaveLength(count)
  expect(scene.exists('log/web.log.1')).toBe(true)
})

test('-n, --since, --stream, one worker, several services', async () => {
  const scene = newScene()
  const say = (text: string) =>
    shell(
      `for i in 1 2 3; do echo "${text} $HOLDFAST_SLOT $i"; sleep 0.02; done`,
      `echo "${text} $HOLDFAST_SLOT failed" >&2`,
      SLEEP,
    )
  scene.configure({ services: { web: { command: say('web'), instances: 2 }, db: { command: say('db') } } })
  mkdirSync(scene.path('log'))
  scene.write('log/db.log', '2001-01-01T00:00:00.000Z db/0 out long ago\n')
  await scene.up()
  await waitFor(() => (scene.read('log/web.log') + scene.read('log/db.log')).match(/ failed\n/g)?.length === 3)
  const said = async (...args: string[]) => {
    const result = await scene.holdfast('logs', ...args)
    expect(result.code, result.all).toBe(0)
    return result.out
      .split('\n')
      .slice(0, -1)
      .map((line) => line.replace(/^\S+ /, ''))
  }
  const all = await said()
  expect(all).toHaveLength(13)
  const times = (await scene.holdfast('logs')).out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' ')[0] ?? '')
  expect(times).toEqual(times.toSorted())
  // What came in the same moment on two streams has no order.
  expect((await said('web/1')).toSorted()).toEqual([
    'web/1 err web 1 failed',
    'web/1 out web 1 1',
    'web/1 out web 1 2',
    'web/1 out web 1 3',
  ])
  expect(await said('db', '-n', '2')).toHaveLength(2)
  expect((await said('--stream', 'err')).toSorted()).toEqual([
    'db/0 err db 0 failed',
    'web/0 err web 0 failed',
    'web/1 err web 1 failed',
  ])
  expect(await said('web', 'db', '-n', '100')).toHaveLength(13)
  expect(await said('--since', '1h')).toHaveLength(12)
  expect(await said('db', '--since', '1h', '--stream', 'out', '-n', '1')).toEqual(['db/0 out db 0 3'])
  expect(await said('-n', '0')).toEqual([])
  const json = await scene.holdfast('logs', 'db', '-n', '1', '--stream', 'err', '--json')
  expect(JSON.parse(json.out)).toEqual({
    at: expect.stringMatching(/Z$/),
    worker: 'db/0',
    stream: 'err',
    line: 'db 0 failed',
  })
})

test('a line without its end comes when the program ends, odd bytes come as they are, a long line whole', async () => {
  const scene = newScene()
  const long = 200_000
  const program = `printf 'caf\\351 \\033[31mred\\033[0m\\r\\n\\n'; head -c ${long} /dev/zero | tr '\\0' z; echo; printf 'no end'; exit 0`
  scene.configure({ services: { odd: { command: ['sh', '-c', program], restart: { when: 'never' } } } })
  await scene.holdfast('up', '--detach')
  await waitFor(() => scene.read('log/odd.log').endsWith('out no end\n'))
  const { out } = await scene.holdfast('logs', 'odd')
  const lines = out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/^\S+ /, ''))
  expect(lines).toHaveLength(4)
  expect(lines[1]).toBe('odd/0 out ')
  expect(lines[2]).toBe(`odd/0 out ${'z'.repeat(long)}`)
  expect(lines[3]).toBe('odd/0 out no end')
})

test('where the output goes to files of its own: what can be told of it, and what is refused', async () => {
  const scene = newScene()
  const command = shell('echo out line', 'echo err line >&2', SLEEP)
  scene.configure({
    services: {
      own: { command, stdout: 'file:own.txt' },
      none: { command, stdout: 'ignore', stderr: 'ignore' },
    },
  })
  await scene.up()
  await waitFor(() => scene.read('own.txt') === 'out line\n' && scene.read('log/own.log') !== '')
  const plain = await scene.holdfast('logs', 'own', '-n', '10')
  expect(plain.code, plain.all).toBe(0)
  expect(plain.out).toContain('out line')
  expect(plain.out).toMatch(/ own\/0 err err line\n/)
  for (const args of [['own/0'], ['own', '--since', '1h']]) {
    const refused = await scene.holdfast('logs', ...args)
    expect({ args, code: refused.code }).toEqual({ args, code: 2 })
    expect(refused.err).toMatch(/own\.txt holds the output as it came \(raw\)/)
  }
  expect(await scene.holdfast('logs', 'none')).toMatchObject({ code: 0, out: '' })
})

test('in the foreground: prefixed, as plain text where nobody sees colours, whole lines only', async () => {
  const scene = newScene()
  const command = shell(
    'printf "a line "',
    'sleep 0.1',
    'echo in two pieces',
    'echo to stderr >&2',
    'printf "over\\rwritten\\n"',
    SLEEP,
  )
  scene.configure({ services: { web: { command }, 'long-name': { command: shell('echo hello', SLEEP) } } })
  const up = scene.start(['-c', scene.config, 'up'])
  let text = ''
  up.stdout?.on('data', (chunk) => {
    text += chunk
  })
  await waitFor(() => text.includes('written') && text.includes('hello'))
  up.kill('SIGTERM')
  await new Promise((resolve) => up.on('close', resolve))
  const lines = text.split('\n')
  expect(lines).toContainEqual(expect.stringMatching(/^web\/0 +\| a line in two pieces$/))
  expect(lines).toContainEqual(expect.stringMatching(/^web\/0 +! to stderr$/))
  expect(lines).toContainEqual(expect.stringMatching(/^web\/0 +\| written$/))
  expect(lines).toContainEqual('long-name/0 | hello')
  expect(text).not.toContain('\u001b')
})

test('moved away and opened anew by USR1: not a line is lost', async () => {
  const scene = newScene()
  const command = shell(
    'n=0; while [ ! -e enough ]; do n=$((n+1)); echo "line $n"; sleep 0.002; done',
    'echo "end $n"',
    SLEEP,
  )
  scene.configure({ services: { web: { command } } })
  await scene.up()
  await waitFor(() => scene.read('log/web.log').includes('line 20\n'))
  renameSync(scene.path('log/web.log'), scene.path('log/moved'))
  process.kill(scene.supervisorPid(), 'SIGUSR1')
  await waitFor(() => scene.read('log/web.log').includes(' out line '))
  scene.write('enough', '')
  await waitFor(() => scene.read('log/web.log').includes(' out end '))
  expectNoGap(scene, ['log/moved', 'log/web.log'])
})

function expectNoGap(scene: Scene, files: readonly string[]): void {
  const text = files.map((file) => scene.read(file)).join('')
  const numbers = [...text.matchAll(/ out line (\d+)\n/g)].map(([, number]) => Number(number))
  expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  expect(Number(/ out end (\d+)\n/.exec(text)?.[1])).toBe(numbers.length)
}

function shell(...lines: string[]): string[] {
  return ['sh', '-c', lines.join('\n')]
}
