/** Types that keep changes and their dry runs apart: the same operations, with other answers. */
import type { paths } from './schema.js'

type Query<Operation> = Operation extends { parameters: { query?: infer Q } } ? NonNullable<Q> : never

type WithoutDryRun<Operation> = Operation extends { parameters: { query?: infer Q } }
  ? Omit<Operation, 'parameters'> & {
      parameters: Omit<Operation['parameters'], 'query'> & { query?: Omit<NonNullable<Q>, 'dry_run'> }
    }
  : Operation

type DryRunOf<Methods> = {
  [M in keyof Methods as 'dry_run' extends keyof Query<Methods[M]> ? M : never]: WithoutDryRun<Methods[M]>
}

/** Every operation, as it is done. */
export type Paths = { [P in keyof paths]: { [M in keyof paths[P]]: WithDoneQuery<paths[P][M]> } }

type WithDoneQuery<Operation> = 'dry_run' extends keyof Query<Operation>
  ? WithoutDryRun<Operation>
  : Operation

/** The operations that have a dry run. */
export type DryRunPaths = { [P in keyof paths]: DryRunOf<paths[P]> }

/** What answers and refusals come as. */
export type Media = 'application/json' | 'application/problem+json'

/** What dry runs answer with. */
export type DryRunMedia = 'application/vnd.user-admin.dry-run+json' | 'application/problem+json'
