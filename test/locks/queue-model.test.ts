import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Kind, QueueModel } from './queue-model.ts'

const RUNS = 3_000 * Number(process.env.MODEL_RUNS ?? 1)

/** Of ten, so many times: a step of somebody; somebody comes; a main is killed; somebody who waits is killed. */
const happening = fc.record({ dice: fc.nat(9), which: fc.nat(1_000) })
const story = fc.record({
  mains: fc.integer({ min: 1, max: 3 }),
  happenings: fc.array(happening, { minLength: 40, maxLength: 250 }),
})

interface Told {
  readonly model: QueueModel
  readonly left: number
}

function tell(
  { mains, happenings }: { mains: number; happenings: readonly { dice: number; which: number }[] },
  kinds: readonly Kind[],
  hasTickets = true,
): Told {
  const model = new QueueModel({ mains, hasTickets })
  const pick = <T>(from: readonly T[], which: number): T | undefined => from[which % Math.max(1, from.length)]
  for (const { dice, which } of happenings) {
    if (dice === 0) model.come(pick(kinds, which) ?? 'waits')
    else if (dice === 1) killOne(pick(model.mains(), which))
    else if (dice === 2 && which % 3 === 0) killOne(pick(waiting(), which))
    else stepOne(which)
  }
  // Nobody comes any more: whoever waits is main in the end, and one main after the other dies.
  for (let which = 0; waiting().length > 0 && which < 10_000; which++) {
    if (!stepOne(which)) killOne(pick(model.mains(), which))
  }
  return { model, left: waiting().length }

  function waiting() {
    return model.contenders.filter((one) => one.waits)
  }
  function killOne(one: (typeof model.contenders)[number] | undefined): void {
    if (one !== undefined) model.kill(one)
  }
  function stepOne(which: number): boolean {
    const one = pick(model.ready(), which)
    if (one !== undefined) model.step(one)
    return one !== undefined
  }
}

describe('whatever comes in between, and whoever is killed', () => {
  test.each<[string, Kind[]]>([
    ['contenders', ['waits', 'waits', 'asks']],
    ['contenders, some of an older version,', ['waits', 'waits', 'asks', 'is of an older version']],
  ])('%s are main in the order in which they came, and all of them in the end', (_, kinds) => {
    const property = fc.property(story, (one) => {
      const { model, left } = tell(one, kinds)
      expect(model.wrongs).toEqual([])
      expect(left).toBe(0)
      expect(model.tickets.size).toBeLessThanOrEqual(model.contenders.length)
    })
    fc.assert(property, { numRuns: RUNS })
  })

  test('without tickets they are not: the model can tell', () => {
    const { failed } = fc.check(
      fc.property(story, (one) => tell(one, ['waits'], false).model.wrongs.length === 0),
      { numRuns: RUNS },
    )
    expect(failed).toBe(true)
  })
})
