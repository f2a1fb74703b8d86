// The blocks of the first pages, run in their order; those that want a Django or the like are for `npm run test:django`.
import t from 'tap'
import { runPages } from './page.js'
import { isCommon, pagesIn } from './pages.js'

await runPages(t, pagesIn('.').filter(isCommon))
