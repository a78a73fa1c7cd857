import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Workshop } from './worker-process.ts'

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop.close())

const httpProgram = `
  import http from 'node:http'
  const server = http.createServer((q, r) => r.end(String(process.pid)))
  await worker.listen('http', server)
  worker.onStop(({ reason }) => console.log('stopped because', reason))
  worker.ready()
  worker.status('serving\\nhappily')
`

describe('a worker under Holdfast', () => {
  it('knows who it is, listens on its socket, says ready, and answers', async () => {
    const socket = workshop.socket()
    const program = workshop.program(`${httpProgram}
      const { service, slot, generation, role, id, supervised } = worker
      console.log(JSON.stringify({ service, slot, generation, role, id, supervised }))`)
    const worker = workshop.start({ program, sockets: { http: socket.fd } })
    await worker.notified('READY=1')
    await worker.notified('STATUS=serving happily')
    await worker.until('its output', () => worker.output.length > 0)
    expect(JSON.parse(worker.output[0] ?? '')).toEqual({
      service: 'web',
      slot: 1,
      generation: 7,
      role: 'main',
      id: expect.stringMatching(/^test-/),
      supervised: true,
    })
    const response = await fetch(`http://127.0.0.1:${socket.port}/`)
    expect(await response.text()).toBe(String(worker.pid))
    expect(worker.slot).toMatchObject({ pid: worker.pid, state: 'ready', generation: 7 })
  })

  it('stops by signal: announces it, calls onStop, exits 0', async () => {
    const worker = workshop.start({
      program: workshop.program(httpProgram),
      sockets: { http: workshop.socket().fd },
    })
    await worker.notified('READY=1')
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.notifications).toContain('STOPPING=1')
    expect(worker.output).toContain('stopped because received SIGTERM')
    expect(worker.slot.state).toBe('draining')
  })

  it('stops by message, once, whatever comes after it', async () => {
    const worker = workshop.start({
      program: workshop.program(`${httpProgram}
        worker.signal.addEventListener('abort', () => console.log('aborted', worker.signal.reason.cause.deadline.toISOString()))
        worker.onStop(() => new Promise((resolve) => setTimeout(resolve, 100)))`),
      sockets: { http: workshop.socket().fd },
    })
    await worker.notified('READY=1')
    const deadline = new Date(Date.now() + 5_000).toISOString()
    worker.command({ stop: { reason: 'scale down', deadline } })
    worker.command({ stop: { reason: 'again', deadline } })
    worker.signal('SIGTERM')
    worker.signal('SIGINT')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.notifications.filter((line) => line === 'STOPPING=1')).toHaveLength(1)
    expect(worker.output.filter((line) => line.startsWith('aborted'))).toEqual([`aborted ${deadline}`])
    expect(worker.output.filter((line) => line.startsWith('stopped because'))).toHaveLength(1)
  })

  it('ignores messages it does not understand', async () => {
    const worker = workshop.start({
      program: workshop.program(httpProgram),
      sockets: { http: workshop.socket().fd },
    })
    await worker.notified('READY=1')
    worker.commandText('nonsense\n{"unknown":{}}\n[]\n{"stop":7}\n\n')
    // Torn in the middle of a character.
    const bytes = Buffer.from(`{"stop":{"reason":"ärgerlich","deadline":""}}\n`)
    worker.commandText(bytes.subarray(0, 20))
    worker.commandText(bytes.subarray(20))
    await worker.printed('stopped because ärgerlich')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('calls onStop last registered first, and goes on when one throws', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        worker.onStop(() => console.log('opened first'))
        worker.onStop(() => { throw new Error('no such table') })
        worker.onStop(async () => console.log('opened last'))
        setInterval(() => {}, 1000)
        worker.ready()`),
    })
    await worker.notified('READY=1')
    worker.signal('SIGTERM')
    expect((await worker.exited).code).toBe(0)
    expect(worker.output.filter((line) => line.startsWith('opened'))).toEqual(['opened last', 'opened first'])
    expect(worker.output.join('\n')).toContain('no such table')
    expect(worker.notifications).toContain('STATUS=onStop failed: no such table')
  })

  it('does not wait for an onStop callback beyond the deadline', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        worker.onStop(() => new Promise(() => setInterval(() => {}, 1000)))
        worker.ready()
        setInterval(() => {}, 1000)`),
    })
    await worker.notified('READY=1')
    const asked = Date.now()
    worker.askToStop('now', 1_000)
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - asked).toBeLessThan(1_000)
  })

  it('leaves the end to a program that watches the signal', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        import { setTimeout as sleep } from 'node:timers/promises'
        worker.ready()
        while (!worker.signal.aborted) await sleep(10)
        await sleep(200)
        console.log('last words')`),
    })
    await worker.notified('READY=1')
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.output).toContain('last words')
  })

  it('hears of a stop in a loop that never returns to the event loop', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        let rounds = 0
        while (worker.tick()) if (++rounds === 1000) worker.ready()
        console.log('left the loop')`),
    })
    await worker.notified('READY=1')
    worker.askToStop('scale down', 5_000)
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.output).toEqual(['left the loop'])
  })

  it('waits for work under way before it stops', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        import { setTimeout as sleep } from 'node:timers/promises'
        worker.onStop(() => console.log('closing the database'))
        worker.ready()
        await worker.request(async () => { await sleep(300); console.log('order written') })`),
    })
    await worker.notified('READY=1')
    worker.signal('SIGTERM')
    await worker.exited
    expect(worker.output).toEqual(['order written', 'closing the database'])
  })

  it('ends at once when it is asked while it still boots', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        console.log('booting')
        await new Promise((resolve) => setTimeout(resolve, 60_000))`),
    })
    await worker.printed('booting')
    worker.signal('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })

  it('never waits for a supervisor that does not read, and says what matters later', async () => {
    const worker = workshop.start({
      deaf: true,
      program: workshop.program(`
        for (let n = 0; n < 2000; n++) worker.status('x'.repeat(100))
        worker.ready()
        console.log('going on')
        setInterval(() => {}, 1000)`),
    })
    await worker.printed('going on')
    worker.listenToNotifications()
    await worker.notified('READY=1')
    expect(worker.notifications.length).toBeLessThan(2000)
    for (const line of worker.notifications.slice(0, -1)) expect(line).toBe(`STATUS=${'x'.repeat(100)}`)
  })

  it('does not keep the process alive', async () => {
    const worker = workshop.start({ program: workshop.program(`worker.ready(); worker.signal`) })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    await worker.notified('READY=1')
  })

  it('announces its own end', async () => {
    const worker = workshop.start({
      program: workshop.program(`worker.ready(); worker.finishing(); setTimeout(() => worker.stop('too old'), 50)
        worker.onStop(({ reason }) => console.log(reason)); setInterval(() => {}, 1000)`),
    })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    await worker.notified('STOPPING=1')
    expect(worker.output).toEqual(['too old'])
  })

  it('reloads one after the other and keeps the old configuration when a callback throws', async () => {
    const worker = workshop.start({
      program: workshop.program(`
        worker.onReload(async (config) => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          if (config.bad) throw new Error('bad config')
          console.log('now', JSON.stringify(config))
        })
        worker.ready()
        setInterval(() => worker.status(JSON.stringify(worker.config ?? null)), 20)`),
    })
    await worker.notified('STATUS=null')
    worker.command({ reload: { config: { size: 1 } } })
    worker.command({ reload: { config: { bad: true } } })
    worker.command({ reload: { config: { size: 2 } } })
    await worker.notified('READY=1', 4)
    await worker.notified('STATUS={"size":2}')
    expect(worker.notifications.filter((line) => line === 'RELOADING=1')).toHaveLength(3)
    expect(worker.notifications).toContain('STATUS=onReload failed: bad config')
    expect(worker.output.filter((line) => line.startsWith('now'))).toEqual(['now {"size":1}', 'now {"size":2}'])
  })

  it('reloads on SIGHUP with the configuration in force, and once where the message comes with the signal', async () => {
    const worker = workshop.start({
      program: workshop.program(`let reloads = 0
        worker.onReload((config) => console.log(++reloads, JSON.stringify(config ?? null)))
        worker.ready()
        setInterval(() => {}, 1000)`),
    })
    await worker.notified('READY=1')
    worker.signal('SIGHUP')
    await worker.printed('1 null')
    worker.command({ reload: { config: { size: 2 } } })
    worker.signal('SIGHUP')
    await worker.printed('2 {"size":2}')
    await worker.notified('READY=1', 3)
    worker.signal('SIGTERM')
    await worker.exited
    expect(worker.output).toHaveLength(2)
  })

  it('is promoted, has a fencing token, and refuses to work as main after a loss', async () => {
    const worker = workshop.start({
      env: { HOLDFAST_ROLE: 'standby' },
      program: workshop.program(`
        const asMain = () => { try { worker.assertMain(); return 'main' } catch (error) { return error.name } }
        worker.onPromote(({ slot, token }) => console.log('promoted', slot, token))
        worker.ready()
        setInterval(() => worker.status([worker.role, asMain(), worker.fencingToken()].join()), 10)`),
    })
    await worker.notified('STATUS=standby,NotMainError,')
    worker.command({ promote: { slot: 0, token: '7' } })
    await worker.notified('STATUS=main,main,7')
    expect(worker.output).toEqual(['promoted 0 7'])
    worker.command({ lost: { reason: 'lease expired' } })
    await worker.until('the loss', () => worker.notifications.at(-1) === 'STATUS=standby,NotMainError,')
  })

  it('waits for its promotion with nothing else to do, and ends when it has been main', async () => {
    const worker = workshop.start({
      env: { HOLDFAST_ROLE: 'standby' },
      program: workshop.program(`
        worker.onPromote(({ token }) => console.log('promoted', token))
        worker.ready()
        setTimeout(() => worker.status('nothing else keeps it'), 50)`),
    })
    await worker.notified('STATUS=nothing else keeps it')
    worker.command({ promote: { slot: 0, token: '7' } })
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.output).toEqual(['promoted 7'])
  })

  it('is not kept by a promotion that will not come, once it is to stop', async () => {
    const worker = workshop.start({
      env: { HOLDFAST_ROLE: 'standby' },
      program: workshop.program(`
        worker.exitOnStop = false
        worker.onPromote(() => console.log('promoted'))
        worker.ready()`),
    })
    await worker.notified('READY=1')
    worker.child.kill('SIGTERM')
    expect(await worker.exited).toEqual({ code: 0, signal: null })
    expect(worker.output).toEqual([])
  })

  it('is promoted from the start where there is no standby', async () => {
    const worker = workshop.start({
      env: { FENCING_TOKEN: '41' },
      program: workshop.program(`worker.onPromote(({ token }) => console.log('promoted', token))`),
    })
    await worker.exited
    expect(worker.output).toEqual(['promoted 41'])
  })
})
