// Workers that say too much, or what can not be: the supervisor answers on, and nothing hangs unseen.
import { expect, test } from 'vitest'
import { newScene, type Scene } from './harness/scene.ts'
import { waitFor } from './harness/wait-for.ts'

function program(scene: Scene, name: string, text: string): string[] {
  scene.write(
    `${name}.mjs`,
    `import { openSync, writeSync } from 'node:fs'\nconst say = (text) => writeSync(Number(process.env.HOLDFAST_NOTIFY_FD), text)\n${text}\nsetInterval(() => {}, 1000)\n`,
  )
  return [process.execPath, `${name}.mjs`]
}

test('10,000 lines on the notification channel, and a megabyte without a newline: the last word counts', async () => {
  const scene = newScene()
  const flood =
    'for (let n = 0; n < 10_000; n++) say(`STATUS=line ${n}\\nWATCHDOG=1\\nNONSENSE=${n}\\n`)\nsay("READY=1\\n")'
  const endless = 'for (let n = 0; n < 256; n++) say("x".repeat(4096))\nsay("\\nSTATUS=after all\\nREADY=1\\n")'
  scene.configure({
    services: {
      flood: { command: program(scene, 'flood', flood), ready: 'notify' },
      endless: { command: program(scene, 'endless', endless), ready: 'notify' },
    },
  })
  await scene.up()
  expect((await scene.worker('flood/0')).message).toBe('line 9999')
  expect((await scene.worker('endless/0')).message).toBe('after all')
})

test('a heartbeat deadline by another clock is not believed: the worker counts as hung, and is replaced', async () => {
  const scene = newScene()
  const wrongClock = `
    const [path, offset] = process.env.HOLDFAST_HEARTBEAT.split(':')
    const slot = Buffer.alloc(64)
    slot.writeUInt32LE(process.pid, 0)
    slot.writeUInt32LE(2, 4)
    slot.writeBigUInt64LE(BigInt(Date.now()) * 1_000_000n, 8)
    writeSync(openSync(path, 'r+'), slot, 0, 64, Number(offset))
    say('READY=1\\n')`
  scene.configure({
    services: {
      wrong: {
        command: program(scene, 'wrong', wrongClock),
        ready: 'notify',
        heartbeat: { interval: '100ms', timeout: '500ms' },
      },
    },
  })
  await scene.up()
  await waitFor(async () => (await scene.worker('wrong/0')).restarts > 0)
  expect((await scene.holdfast('why', 'wrong')).out).toMatch(/no heartbeat for 0\.\ds/)
})
