import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Candidate } from '../../src/locks/lock-provider.ts'
import { until, within } from '../os/scratch.ts'
import { acquired, kill, ticketOf, useLockBench } from './lock-bench.ts'

const bench = useLockBench()

/** The identity that a shell waits for, and its ticket. */
function drawn(): Map<string, number> {
  const found = bench.now.waiters().flatMap((pid) => {
    const identity = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      .split('\0')
      .find((word) => word.startsWith('web/'))
    const ticket = ticketOf(pid)
    return identity === undefined || ticket === null ? [] : [[identity, ticket] as const]
  })
  return new Map(found)
}

test.each([1, 2])(
  'who waits for one of %i slots is before everybody who comes later, however many come while the queue moves up',
  async (mains) => {
    const counts = { mains, standbys: 0 }
    const providers = [await bench.now.provider(counts), await bench.now.provider(counts)]
    const provider = (): (typeof providers)[number] => providers[Math.floor(Math.random() * 2)] as never
    for (let round = 0; round < 4; round++) {
      const working = []
      for (let slot = 0; slot < mains; slot++) working.push(await bench.now.main(provider()))
      const granted: number[] = []
      const wait = async (candidate: Candidate): Promise<number> => {
        const { token } = acquired(await candidate.wait(null))
        granted.push(Number(token))
        candidate.leave()
        return Number(token)
      }
      const identities = Array.from({ length: 8 }, (_, index) => `web/${round}-${index}`)
      const outcomes = Promise.allSettled(identities.map((identity) => wait(provider().candidate(identity))))
      // A shell moves its fds about while it starts something: what was seen once counts.
      const tickets = new Map<string, number>()
      await until('their tickets', () => {
        for (const [identity, ticket] of drawn()) tickets.set(identity, ticket)
        return tickets.size === identities.length
      })
      // One in the middle dies: those behind it stay where they are.
      const dies = [...tickets].sort(([, a], [, b]) => a - b)[4]?.[0] ?? ''
      const shell = bench.now.waiters().find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(dies))
      process.kill(shell ?? 0, 'SIGKILL')
      for (const main of working) await kill(main)
      const later: Promise<number>[] = []
      for (let count = 0; granted.length < identities.length - 1; count++) {
        const candidate = provider().candidate(`late/${round}-${count}`)
        if (count % 2 === 0 && later.length < 8) later.push(wait(candidate))
        else {
          const outcome = await candidate.tryNow()
          if (outcome.is === 'acquired') later.push(Promise.resolve(Number(outcome.held.token)))
          candidate.leave()
        }
      }
      const settled = await within(outcomes, 'their turns')
      const turns = identities.flatMap((identity, index) => {
        const outcome = settled[index]
        return outcome?.status === 'fulfilled' ? { ticket: tickets.get(identity) ?? 0, token: outcome.value } : []
      })
      turns.sort((a, b) => a.ticket - b.ticket)
      const tokens = turns.map(({ token }) => token)
      expect(tokens.length).toBe(identities.length - 1)
      expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
      for (const token of await within(Promise.all(later), 'the later ones'))
        expect(token).toBeGreaterThan(tokens.at(-1) ?? 0)
      await until('the end of the round', () => bench.now.waiters().length === 0)
    }
    expect(readdirSync(bench.now.directory).filter((name) => name.includes('-ticket-')).length).toBeLessThanOrEqual(
      mains,
    )
  },
  60_000,
)
