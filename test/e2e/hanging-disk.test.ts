// A disk for the logs that stops answering, or is full: neither supervision nor `status` waits for it, and no line is lost.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { canFreeze, freeze, mountExt4, mountTmpfs } from './harness/mount.ts'
import { isRoot, testWhere } from './harness/requirement.ts'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

const SLEEP = ['sleep', '1000']
/** Numbers from 1 on, until the file `enough` is there; then the word `end`. */
const COUNTER = [
  'sh',
  '-c',
  'n=0; while [ ! -e enough ]; do n=$((n+1)); echo "line $n of a log"; done; echo "end $n"; exec sleep 1000',
]

testWhere(canFreeze(), 'a file system that hangs needs root, a loop device, mkfs.ext4 and fsfreeze')(
  'logs, journal and the own log on a file system that is frozen',
  async () => {
    const scene = newScene()
    mountExt4(scene, 'disk')
    scene.configure({
      logDir: 'disk',
      services: { calm: { command: SLEEP }, chatty: { command: COUNTER }, other: { command: COUNTER } },
    })
    await scene.up()
    await waitFor(() => scene.read('disk/chatty.log').length > 0)
    const thaw = freeze(scene.path('disk'))
    await supervisionWorks(scene)
    // Long enough for every buffer to be full.
    await waitFor(() => isBlockedInWrite(scene, 'chatty'))
    await supervisionWorks(scene)
    expect((await scene.holdfast('restart', 'calm')).code).toBe(0)
    expect((await scene.holdfast('stop', 'other')).code).toBe(0)
    expect((await scene.holdfast('start', 'other')).code).toBe(0)
    await supervisionWorks(scene)
    thaw()
    scene.write('enough', '')
    await waitFor(() => / end \d+\n/.test(scene.read('disk/chatty.log')), { every: 100 })
    expectEveryLine(scene, 'disk', 'chatty')
    const why = await scene.holdfast('why', 'calm')
    expect(why.out).toContain('killed by SIGKILL')
  },
)

test('log files that nobody takes from: as many as there are threads for files, and more', async () => {
  const scene = newScene()
  const names = Array.from({ length: 20 }, (_, index) => `stuck${index}`)
  for (const name of names) execFileSync('mkfifo', [scene.path(name)])
  const stuck = names.map((name) => [
    name,
    { command: ['sh', '-c', `echo "$HOLDFAST_SERVICE says"; exec sleep 1000`], stdout: `file:${name}` },
  ])
  scene.configure({
    services: { calm: { command: SLEEP }, chatty: { command: COUNTER }, ...Object.fromEntries(stuck) },
  })
  await scene.up()
  await supervisionWorks(scene)
  // Another file on another disk is still written.
  await waitFor(() => scene.read('log/chatty.log').length > 0)
  scene.write('enough', '')
  await waitFor(() => / end \d+\n/.test(scene.read('log/chatty.log')), { every: 100 })
  expectEveryLine(scene, 'log', 'chatty')
  // Each line has waited for its reader.
  for (const name of names) {
    const line = execFileSync('head', ['-n', '1', scene.path(name)], { encoding: 'utf8', timeout: 5_000 })
    expect(line).toBe(`${name} says\n`)
  }
})

testWhere(isRoot, 'a small disk needs root')(
  'a full disk: the lines wait, and are there when there is room again',
  async () => {
    const scene = newScene()
    mountTmpfs(scene, 'disk', 'size=4m')
    writeFileSync(scene.path('disk/filler'), Buffer.alloc(3.9 * 1024 * 1024))
    const lines = 20_000
    const count = `n=0; while [ $n -lt ${lines} ]; do n=$((n+1)); echo "line $n of a log"; done; echo "end $n"; exec sleep 1000`
    scene.configure({
      logDir: 'disk',
      stateDir: 'state',
      services: { calm: { command: SLEEP }, chatty: { command: ['sh', '-c', count] } },
    })
    await scene.up()
    const trouble = await waitFor(async () => (await scene.events()).find(({ event }) => event === 'log-trouble'))
    expect(trouble?.reason).toMatch(/chatty\.log can not be written: .*no space left/i)
    await supervisionWorks(scene)
    rmSync(scene.path('disk/filler'))
    await waitFor(() => / end \d+\n/.test(scene.read('disk/chatty.log')), { every: 100 })
    expectEveryLine(scene, 'disk', 'chatty')
    expect((await scene.events()).map(({ event }) => event)).toContain('log-recovered')
  },
)

/** `status` answers soon, and what dies comes back. */
async function supervisionWorks(scene: Scene): Promise<void> {
  const status = await scene.holdfast('status')
  expect(status.code, status.all).toBe(0)
  expect(status.millis).toBeLessThan(2_000)
  const { pid, restarts } = await scene.worker('calm/0')
  process.kill(pid ?? 0, 'SIGKILL')
  await waitFor(async () => (await scene.worker('calm/0')).restarts > restarts, { within: 3_000 })
}

async function isBlockedInWrite(scene: Scene, service: string): Promise<boolean> {
  const { pid } = await scene.worker(`${service}/0`)
  return (
    readFileSync(`/proc/${pid}/wchan`, 'utf8').includes('pipe') ||
    readFileSync(`/proc/${pid}/syscall`, 'utf8').startsWith('1 ')
  )
}

/** From 1 to the end, each once and in order, over all files. */
function expectEveryLine(scene: Scene, directory: string, service: string): void {
  const files = readdirSync(scene.path(directory))
    .filter((name) => name.startsWith(`${service}.log`))
    .sort((a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0))
  const text = files.map((name) => scene.read(`${directory}/${name}`)).join('')
  const numbers = [...text.matchAll(/ line (\d+) of a log\n/g)].map(([, number]) => Number(number))
  const first = numbers[0] ?? 0
  const gap = numbers.findIndex((number, index) => number !== first + index)
  expect({ first, gap: gap < 0 ? null : numbers.slice(gap - 1, gap + 2) }).toEqual({ first: 1, gap: null })
  expect(Number(/ end (\d+)\n/.exec(text)?.[1])).toBe(numbers.length)
}
