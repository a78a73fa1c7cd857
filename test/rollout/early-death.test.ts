import { describe, expect, it } from 'vitest'
import type { EarlyDeathSpec } from '../../src/config/effective.ts'
import { unmetDependencies } from '../../src/rollout/dependencies.ts'
import { deadlineOfService, isDown, readyCount } from '../../src/rollout/service-state.ts'
import type { Simulation } from '../model/simulation.ts'
import { deploy, only, phases, restart, rolloutNotes, stop, up, world } from './quiet-world.ts'

const BESIDE = { maxSurge: 1, maxUnavailable: 0 }

function fatal(simulation: Simulation): string[] {
  return simulation.service.slots.map(({ phase }) => (phase.is === 'fatal' ? phase.why : phase.is))
}

function until(simulation: Simulation, holds: () => boolean): void {
  for (let waited = 0; !holds(); waited++) {
    expect(waited).toBeLessThan(10_000)
    simulation.advance(1)
  }
}

/** Dies right after its start, before it is ready. */
function killOneAtItsBoot(simulation: Simulation, slot = 0): void {
  simulation.kill9(only(simulation, slot))
  simulation.advance(1)
  simulation.kill9(only(simulation, slot))
}

describe('with back-off, the default', () => {
  it('a worker that dies at its boot is started again, and nobody else is touched', () => {
    const simulation = up({ instances: 2, command: ['exits-at-boot'] }, 500)
    expect(phases(simulation).every((phase) => phase === 'backoff' || phase === 'starting')).toBe(true)
  })
})

describe('before any worker was ready', () => {
  const earlyDeath: Partial<EarlyDeathSpec> = { firstBoot: 'shut-down' }

  it('the first death is the end of all', () => {
    const simulation = up({ instances: 3, command: ['exits-at-boot'], earlyDeath }, 5_000)
    const [text] = fatal(simulation).filter((why) => why.includes('earlyDeath.firstBoot'))
    expect(text).toMatch(/before it was ready; earlyDeath.firstBoot is shut-down$/)
    expect(phases(simulation)).toEqual(['fatal', 'fatal', 'fatal'])
    expect(fatal(simulation).filter((why) => why.startsWith('shut down with web/'))).toHaveLength(2)
    expect(simulation.held()).toEqual([])
    expect(simulation.processes.size).toBe(3)
    expect(deadlineOfService(simulation.service)).toBeNull()
  })

  it('those that wait for their turn are never started', () => {
    const simulation = up({ instances: 3, command: ['exits-at-boot'], earlyDeath, pace: { interval: 1_000 } }, 10_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal', 'fatal'])
    expect(simulation.processes.size).toBe(1)
    expect(simulation.service.queue).toEqual([])
  })

  it('what depends on it waits, for good', () => {
    const { service } = up({ command: ['unspawnable'], earlyDeath })
    expect(unmetDependencies({ dependsOn: { web: 'ready' } }, () => service)).toEqual(['web (ready)'])
  })

  it('once one was ready the others may die', () => {
    const simulation = up({ instances: 2, earlyDeath })
    killOneAtItsBoot(simulation)
    simulation.advance(2_000)
    expect(readyCount(simulation.service)).toBe(2)
  })

  it('begins again when everything was stopped, and with a start after the shut-down', () => {
    const simulation = up({ instances: 2, earlyDeath })
    simulation.send(stop())
    simulation.advance(1_000)
    for (const _ of [1, 2]) {
      simulation.send({ is: 'start', slots: null })
      expect(phases(simulation)).toEqual(['starting', 'starting'])
      simulation.kill9(only(simulation, 1))
      simulation.advance(1_000)
      expect(phases(simulation)).toEqual(['fatal', 'fatal'])
    }
    simulation.send({ is: 'restart', slots: null, mode: 'rolling', cause: 'restart' })
    simulation.advance(1_000)
    expect(readyCount(simulation.service)).toBe(2)
  })
})

describe('in service', () => {
  const earlyDeath: Partial<EarlyDeathSpec> = { steady: 'shut-down' }

  it('a sound worker that dies is replaced; one that dies at its boot takes all with it', () => {
    const simulation = up({ instances: 2, earlyDeath })
    simulation.kill9(only(simulation, 0))
    simulation.advance(2_000)
    expect(readyCount(simulation.service)).toBe(2)
    killOneAtItsBoot(simulation)
    simulation.advance(1_000)
    expect(fatal(simulation)).toEqual([
      'killed by SIGKILL, before it was ready; earlyDeath.steady is shut-down',
      'shut down with web/0: killed by SIGKILL, before it was ready; earlyDeath.steady is shut-down',
    ])
    expect(simulation.held()).toEqual([])
    expect(rolloutNotes(simulation.effects)).toContain(
      'running → shut-down: the service is shut down: killed by SIGKILL, before it was ready; earlyDeath.steady is shut-down',
    )
  })

  it('what waits for a dependency, or in a back-off, is given up too; a job that is done stays so', () => {
    const simulation = up({ instances: 2, earlyDeath, restart: { delay: 60_000 } })
    simulation.kill9(only(simulation, 1))
    simulation.advance(10)
    expect(phases(simulation)).toEqual(['running', 'backoff'])
    simulation.send({ is: 'scale', desired: 3 })
    simulation.kill9(only(simulation, 2))
    simulation.advance(1_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal', 'fatal'])
  })

  it('a worker that the operator stopped stays stopped', () => {
    const simulation = up({ instances: 3, earlyDeath })
    simulation.send(stop([2]))
    simulation.advance(100)
    killOneAtItsBoot(simulation)
    simulation.advance(1_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal', 'stopped'])
  })

  it('a rollout under way is over', () => {
    const simulation = up({ instances: 2, earlyDeath, rollout: BESIDE })
    deploy(simulation, 'hangs-at-boot')
    killOneAtItsBoot(simulation, 1)
    simulation.advance(5_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal'])
    expect(simulation.service).toMatchObject({ goal: 1, rollout: { is: 'cancelled' } })
    expect(simulation.held()).toEqual([])
  })

  it('the operator has the last word while it goes down', () => {
    for (const verb of ['stop', 'start'] as const) {
      const simulation = up({ instances: 2, earlyDeath, command: ['slow'] }, 5_000)
      killOneAtItsBoot(simulation)
      simulation.advance(1)
      expect(phases(simulation)).toEqual(['fatal', 'stopping'])
      simulation.calm = true
      simulation.send(verb === 'stop' ? stop() : { is: 'start', slots: null })
      simulation.advance(10_000)
      if (verb === 'stop') expect(isDown(simulation.service)).toBe(true)
      else expect(readyCount(simulation.service)).toBe(2)
    }
  })

  it('a restart while it goes down brings it back as well', () => {
    const simulation = up({ instances: 2, earlyDeath, command: ['slow'] }, 5_000)
    killOneAtItsBoot(simulation)
    simulation.advance(1)
    simulation.calm = true
    simulation.send(restart())
    simulation.advance(20_000)
    expect(simulation.service).toMatchObject({ generation: 2, rollout: { is: 'stable' } })
    expect(readyCount(simulation.service)).toBe(2)
  })
})

describe('of a new generation', () => {
  const earlyDeath: Partial<EarlyDeathSpec> = { newGeneration: 'shut-down' }

  it.each([
    ['beside the old one', BESIDE],
    ['in place of the old one', { maxSurge: 0, maxUnavailable: 1 }],
  ])('the old workers end with it: %s', (_, rollout) => {
    const simulation = up({ instances: 2, earlyDeath, rollout })
    deploy(simulation, 'exits-at-boot')
    simulation.advance(5_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal'])
    expect(fatal(simulation)[0]).toContain('earlyDeath.newGeneration is shut-down')
    expect(simulation.service).toMatchObject({
      generation: 1,
      goal: 1,
      rollout: { is: 'failed', generation: 2, converging: false },
    })
    expect(simulation.held()).toEqual([])
  })

  it('also where it had taken over already', () => {
    const simulation = up({ instances: 3, earlyDeath, rollout: { ...BESIDE, minReady: 0 } })
    deploy(simulation, 'slow')
    until(simulation, () => simulation.service.rollout.is === 'rolling')
    const fresh = simulation.living().find(({ slot, generation }) => slot === 0 && generation === 2)
    if (fresh !== undefined) simulation.kill9(fresh)
    simulation.advance(20_000)
    expect(phases(simulation)).toEqual(['fatal', 'fatal', 'fatal'])
    expect(fatal(simulation)[0]).toContain('earlyDeath.newGeneration is shut-down')
    expect(simulation.service.rollout.is).toBe('cancelled')
  })

  it('is the old case again once it is what all go back to', () => {
    const rollout = { maxSurge: 0, maxUnavailable: 1 }
    const policies: Partial<EarlyDeathSpec> = { steady: 'shut-down' }
    const simulation = up({ instances: 1, earlyDeath: policies, rollout })
    deploy(simulation, 'exits-at-boot', { earlyDeath: policies })
    simulation.advance(5_000)
    // The rollout failed, nothing else: the old generation is back.
    expect(simulation.service).toMatchObject({ generation: 1, rollout: { is: 'failed' } })
    expect(readyCount(simulation.service)).toBe(1)
  })

  it('is the old case for the way back, too', () => {
    const policies: Partial<EarlyDeathSpec> = { steady: 'shut-down' }
    const simulation = up({ instances: 2, earlyDeath: policies, rollout: { ...BESIDE, canary: false } })
    deploy(simulation, 'good')
    const living = (slot: number, generation: number) =>
      simulation.living().find((one) => one.slot === slot && one.generation === generation)
    const killBorn = (slot: number, generation: number): void => {
      until(simulation, () => living(slot, generation) !== undefined)
      const born = living(slot, generation)
      if (born !== undefined) simulation.kill9(born)
    }
    killBorn(1, 2)
    until(simulation, () => simulation.service.rollout.is === 'failed')
    expect(phases(simulation)).toEqual(['running', 'running'])
    // The first worker has its new generation already, and returns; that dies as well.
    killBorn(0, 1)
    simulation.advance(2_000)
    expect(fatal(simulation)[0]).toMatch(
      /^shut down with web\/0: killed by SIGKILL, before it was ready; earlyDeath.steady/,
    )
    expect(simulation.service).toMatchObject({ rollout: { is: 'failed', converging: false } })
  })

  it('a job of it that ran to its end is no death', () => {
    const simulation = world({ instances: 1, command: ['job'], earlyDeath, restart: { when: 'never' } })
    simulation.send({ is: 'start', slots: null })
    simulation.advance(5_000)
    simulation.send(restart())
    simulation.advance(5_000)
    expect(phases(simulation)).toEqual(['exited'])
    expect(simulation.service.rollout.is).toBe('stable')
  })
})
