/** What a person does in Swagger UI, and what they see. */
import type { Locator, Page } from 'playwright-core'

/** What is shown of an answer. */
export interface Shown {
  status: number
  body: string
}

export class SwaggerPage {
  constructor(readonly page: Page) {}

  /** Opens it, and waits until the operations are there. */
  async open(url: string): Promise<void> {
    await this.page.goto(url)
    await this.page.locator('.opblock').first().waitFor()
  }

  async authorise(scheme: string, value: string): Promise<void> {
    const { page } = this
    await page.locator('.scheme-container .authorize').click()
    const form = page.locator('.auth-container', { has: page.locator(`h4 code:text-is("${scheme}")`) })
    await form.locator('input').fill(value)
    await form.getByRole('button', { name: 'Apply credentials' }).click()
    await form.getByRole('button', { name: 'Close' }).click()
  }

  /** The operations of each group, by their titles. */
  async groups(): Promise<Record<string, string[]>> {
    const entries: [string, string[]][] = []
    for (const section of await this.page.locator('.opblock-tag-section').all()) {
      const tag = await section.locator('.opblock-tag').getAttribute('data-tag')
      entries.push([tag!, await section.locator('.opblock-summary-description').allInnerTexts()])
    }
    return Object.fromEntries(entries)
  }

  operation(title: string): Operation {
    const summary = this.page.locator(`.opblock-summary-description:text-is("${title}")`)
    return new Operation(this.page.locator('.opblock', { has: summary }))
  }
}

/** One of the operations, which can be unfolded and tried out. */
export class Operation {
  readonly body: Locator

  constructor(readonly block: Locator) {
    this.body = block.locator('textarea.body-param__text')
  }

  async unfold(): Promise<void> {
    await this.block.locator('.opblock-summary-control').click()
    await this.executeButton.waitFor()
  }

  async fold(): Promise<void> {
    await this.block.locator('.opblock-summary-control').click()
    await this.executeButton.waitFor({ state: 'detached' })
  }

  isUnfolded(): Promise<boolean> {
    return this.executeButton.isVisible()
  }

  /** Sends what is filled in. */
  async execute(): Promise<Shown> {
    const answer = this.block.locator('.live-responses-table')
    // What is shown of an earlier one would be taken for this one's.
    if (await answer.isVisible()) await this.block.locator('.btn-clear').click()
    await answer.waitFor({ state: 'detached' })
    await this.executeButton.click()
    const status = await answer.locator('tbody .response-col_status').first().innerText()
    const body = answer.locator('.highlight-code code')
    return {
      status: Number.parseInt(status),
      body: (await body.count()) ? await body.first().innerText() : '',
    }
  }

  private get executeButton(): Locator {
    return this.block.locator('.execute')
  }
}
