/** What checks are written against: tap's `Test` will do, and so will the runner of the command. */
export interface Extra {
  /** Why there was nothing to look at. */
  skip: string
}

type Message = [] | [string]

/** One test. Assertions are noted, and throw nothing. */
export interface Test {
  ok(value: unknown, ...message: Message): unknown
  notOk(value: unknown, ...message: Message): unknown
  equal(found: unknown, wanted: unknown, ...message: Message): unknown
  not(found: unknown, unwanted: unknown, ...message: Message): unknown
  /** Equal all the way down, in types too. */
  strictSame(found: unknown, wanted: unknown, ...message: Message): unknown
  match(found: string | undefined, wanted: RegExp, ...message: Message): unknown
  pass(...message: Message | [string, Extra]): unknown
  /** Does a test inside of this one. Wait for it: what it throws is its failure, and none of this one. */
  test(name: string, work: (t: Test) => Promise<void>): PromiseLike<unknown>
}
