import { describe, expect, test } from 'vitest'
import type { JournalEntry } from '../../src/supervisor/engine-api.ts'
import { Narrator } from '../../src/supervisor/narrator.ts'

type Step = Partial<JournalEntry>

function narrate(steps: readonly Step[], facts: { pid?: number; minReady?: number; desired?: number } = {}) {
  const narrator = new Narrator({
    pidOf: () => facts.pid ?? null,
    minReady: () => facts.minReady ?? 0,
    desired: () => facts.desired ?? 2,
  })
  return steps.map((step, seq) =>
    narrator.tell({ at: '', seq, kind: 'worker', service: 'web', worker: 'web/0', event: '', reason: '', ...step }),
  )
}

const rollout = (from: string, to: string, reason: string): Step => ({
  kind: 'rollout',
  worker: undefined as never,
  event: 'rollout',
  from,
  to,
  reason,
  generation: 2,
})

describe('a rolling restart', () => {
  const ready = {
    event: 'ready',
    from: 'coming',
    to: 'coming',
    reason: 'ready beside the worker in service',
    pid: 4711,
  }
  const steps: Step[] = [
    { event: 'start-beside', from: 'none', to: 'coming', reason: 'generation 2 starts beside …', pid: 4711 },
    rollout('stable', 'canary', 'rolling restart asked by the operator; the first replacement has to prove itself'),
    ready,
    { event: 'signal', reason: 'SIGTERM to its process group: replaced by generation 2', pid: 4698 },
    { event: 'swap', from: 'running', to: 'running', reason: 'generation 2 takes over', pid: 4711 },
    rollout('canary', 'rolling', 'rolling restart asked by the operator'),
    { event: 'signal', reason: 'SIGKILL to its process group: replaced by generation 2', pid: 4698 },
    {
      event: 'exited',
      from: 'draining',
      to: 'gone',
      reason: 'killed by SIGKILL (asked to stop: replaced by generation 2)',
    },
    rollout('rolling', 'stable', 'every worker is of the new generation'),
  ]

  test('names both processes and needs none of our words', () => {
    expect(narrate(steps, { pid: 4698 })).toEqual([
      'web/0: new process 4711 started, old 4698 still serves',
      'web: rolling restart asked by the operator: one worker first, the others when it is ready',
      null,
      null,
      'web/0: new process 4711 is ready, old 4698 is stopping',
      null,
      'web/0: process 4698 is still there, sent SIGKILL',
      'web/0: old process 4698 is gone: killed by SIGKILL',
      'web: restart done, generation 2 is in service',
    ])
  })

  test('with a probation', () => {
    expect(narrate([ready], { minReady: 5_000 })).toEqual([
      'web/0: new process 4711 is ready; it takes over if it stays so for 5s',
    ])
  })

  test('of a single worker there are no others', () => {
    expect(narrate(steps.slice(1, 2), { desired: 1 })).toEqual(['web: rolling restart asked by the operator'])
  })

  test('that fails', () => {
    const gone = { event: 'exited', from: 'coming', to: 'gone', reason: 'exited with code 1' }
    const failed = rollout('canary', 'failed', 'boot of web/0 (generation 2): exited with code 1')
    expect(narrate([...steps.slice(0, 1), gone, failed], { pid: 4698 }).slice(1)).toEqual([
      'web/0: new process 4711 is gone: exited with code 1',
      'web: restart failed: boot of web/0 (generation 2): exited with code 1',
    ])
  })
})

test('a start, a stop that takes its time, a crash', () => {
  expect(
    narrate([
      { event: 'start', from: 'stopped', to: 'starting', reason: 'started', pid: 7 },
      { event: 'ready', from: 'starting', to: 'running', reason: 'ready', pid: 7 },
      { event: 'signal', reason: 'SIGTERM to its process group: stopped by the operator', pid: 7 },
      { event: 'stop', from: 'running', to: 'stopping', reason: 'stopped by the operator', pid: 7 },
      { event: 'signal', reason: 'SIGKILL to its process group: stopped by the operator', pid: 7 },
      {
        event: 'exited',
        from: 'stopping',
        to: 'stopped',
        reason: 'killed by SIGKILL (asked to stop: stopped by the operator)',
      },
      { event: 'exited', from: 'running', to: 'starting', reason: 'exited with code 1; restarted at once', pid: 8 },
      {
        event: 'exited',
        from: 'starting',
        to: 'backoff',
        reason: 'crash loop: exited with code 1; 5 failures in a row',
      },
      { event: 'tick', from: 'backoff', to: 'starting', reason: 'the back-off is over', pid: 9 },
      { event: 'signal', reason: 'SIGHUP by the operator', pid: 9 },
      { event: 'exited', from: 'starting', to: 'fatal', reason: 'exited with code 64, which is unrecoverable' },
    ]),
  ).toEqual([
    'web/0: process 7 started',
    'web/0: process 7 is ready',
    null,
    'web/0: stopping process 7 with SIGTERM: stopped by the operator',
    'web/0: process 7 is still there, sent SIGKILL',
    'web/0: stopped: killed by SIGKILL',
    'web/0: exited with code 1; restarted at once (process 8)',
    'web/0: crash loop: exited with code 1; 5 failures in a row',
    'web/0: next try, process 9 started',
    'web/0: SIGHUP sent to process 9 by the operator',
    'web/0: given up: exited with code 64, which is unrecoverable',
  ])
})

test('what is of no service', () => {
  const gap = { kind: 'supervisor' as const, service: undefined as never, worker: undefined as never, reason: 'a gap' }
  expect(narrate([gap])).toEqual(['a gap'])
})
