/** A person's browser. */
import { chromium, type Page } from 'playwright-core'
import { CHROMIUM } from './needs.js'

const PATIENCE_MS = 60_000

/** A new page, and a way to have more of other people's, until `t` is over. */
export async function openBrowser(t: { teardown(fn: () => unknown): unknown }) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, timeout: PATIENCE_MS })
  t.teardown(() => browser.close())
  return async (origin: string, locale = 'en-GB'): Promise<Page> => {
    const page = await browser.newPage({ baseURL: origin, locale })
    page.setDefaultTimeout(PATIENCE_MS)
    return page
  }
}

/** Logs in at Django's admin. */
export async function logInAt(page: Page, username: string, password: string): Promise<void> {
  await page.goto('/django-admin/')
  await page.fill('#id_username', username)
  await page.fill('#id_password', password)
  await Promise.all([page.waitForURL('**/django-admin/'), page.click('[type=submit]')])
}
