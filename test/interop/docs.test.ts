// The pages whose blocks want more than a shell: a Django, psql, a proxy.
import t from 'tap'
import { runPages } from '../docs/page.js'
import { isCommon, pages } from '../docs/pages.js'

await runPages(
  t,
  pages().filter((page) => !isCommon(page)),
)
