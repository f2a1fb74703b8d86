/** Items are tried two at once, and take effect in their order, whichever of them fail. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { workInTurn } from '../../src/domain/import/in-turn.js'

async function* numbers(count: number) {
  for (let number = 0; number < count; number++) yield number
}

/** Items that can't be done beside others, and those that can't be done at all. */
interface Failing {
  beside?: number[]
  alone?: number[]
}

/** Works on so many numbers. @returns those that took effect, in their order, and what happened meanwhile */
async function workOn(count: number, { beside = [], alone = [] }: Failing = {}) {
  const seen = {
    begun: [] as number[],
    done: [] as number[],
    alone: [] as number[],
    most: 0,
    error: undefined as unknown,
  }
  const open = new Set<number>()
  const during = async (number: number, work: () => Promise<void>) => {
    open.add(number)
    seen.most = Math.max(seen.most, open.size)
    await sleep(Math.random() * 4)
    await work().finally(() => open.delete(number))
  }
  try {
    await workInTurn(numbers(count), {
      beside: (number, { pass, turn }) => {
        seen.begun.push(number)
        pass()
        return during(number, async () => {
          if (beside.includes(number)) throw new Error(`${number} beside`)
          await turn()
          seen.done.push(number)
        })
      },
      alone: (number) =>
        during(number, async () => {
          if (alone.includes(number)) throw new Error(`${number} alone`)
          seen.alone.push(number)
          seen.done.push(number)
        }),
    })
  } catch (error) {
    seen.error = error
  }
  return { ...seen, open: open.size }
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number)

t.test('two at once, in their order', async (t) => {
  t.match(await workOn(40), { begun: upTo(40), done: upTo(40), alone: [], most: 2, open: 0 })
  t.match(await workOn(1), { done: [0], alone: [] })
  t.match(await workOn(0), { done: [], alone: [] })
})

t.test('one that fails, and the next that was under way, are done alone; all others are not', async (t) => {
  for (let round = 0; round < 20; round++) {
    const { done, alone, error } = await workOn(30, { beside: [7, 8, 20] })
    t.same(done, upTo(30))
    t.equal(error, undefined)
    for (const number of [7, 8, 20]) t.ok(alone.includes(number))
    t.ok(
      alone.every((number) => [7, 8, 9, 20, 21].includes(number)),
      alone.join(),
    )
  }
})

t.test('what fails alone too ends all, and nothing is under way then', async (t) => {
  for (const failed of [0, 5, 9]) {
    const { done, error, open } = await workOn(10, { beside: [failed], alone: [failed] })
    t.match(error, { message: `${failed} alone` })
    t.same(done, upTo(failed))
    t.equal(open, 0)
  }
})

t.test('a source that fails, too', async (t) => {
  const done: number[] = []
  const source = async function* () {
    yield* numbers(5)
    throw new Error('no more')
  }
  const failed = workInTurn(source(), {
    beside: async (number, { turn }) => {
      await sleep(2)
      await turn()
      done.push(number)
    },
    alone: async () => {},
  })
  await t.rejects(failed, { message: 'no more' })
  t.same(done, upTo(5))
})

t.test('and what is done alone then is waited for', async (t) => {
  const done: string[] = []
  const source = async function* () {
    yield 0
    throw new Error('no more')
  }
  const failed = workInTurn(source(), {
    beside: async (_, { pass }) => {
      pass()
      await sleep(2)
      throw new Error('beside')
    },
    alone: async () => {
      await sleep(20)
      done.push('alone')
    },
  })
  await t.rejects(failed, { message: 'no more' })
  t.same(done, ['alone'])
})

t.test('the next one begins when this one has passed, or failed before that', async (t) => {
  const seen: string[] = []
  await workInTurn(numbers(4), {
    beside: async (number, { pass, turn }) => {
      seen.push(`begin ${number}`)
      await sleep(5)
      if (number === 1) throw new Error('before it passes')
      seen.push(`pass ${number}`)
      pass()
      await turn()
    },
    alone: async (number) => void seen.push(`alone ${number}`),
  })
  t.same(seen, ['begin 0', 'pass 0', 'begin 1', 'alone 1', 'begin 2', 'pass 2', 'begin 3', 'pass 3'])
})
