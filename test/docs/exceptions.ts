/** What stands in blocks of the pages and is not run, each with its reason. A test says which of them no page has any more. */

interface Exception {
  /** What a command begins with, or a block that is none. */
  text: string
  why: string
}

/** Commands of which `test/docs/bin` does nothing. */
export const COMMANDS: Exception[] = [
  { text: 'npm ci', why: 'the tests could not run without; .ci/run begins with it' },
  { text: 'npm test', why: 'this is part of it' },
  { text: 'docker compose', why: 'images come from elsewhere; compose.test.ts reads the file' },
]

/** Blocks that say how something is, and nothing that could be run. */
export const BLOCKS: Exception[] = [
  {
    text: 'npm install && npm run build',
    why: 'test/plugin/packed-*.test.ts install the package in a copy of the example, build and run it',
  },
  { text: 'cli → mock → server → plugin', why: 'test/imports.test.ts holds it' },
  { text: 'Usage: user-admin', why: 'npm run openapi -- --check holds it' },
  { text: '{\n  "dry_run": false', why: 'a summary of a large import; test/cli/import.test.ts' },
]
