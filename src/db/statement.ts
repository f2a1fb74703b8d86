/**
 * SQL that is built and typed by Kysely once, and run many times. A statement of fixed shape under a name of its
 * own is parsed and planned once a connection, which is more than half of what a small query costs PostgreSQL.
 */
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely'
import { arrayLiteral } from './array-literal.js'
import type { Tables } from './tables.js'

/** Builds queries; runs none. Connections are held by `database.ts`, so that a transaction is one client. */
export const query = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

/** A query with places for its parameters. */
export interface Statement<Parameters extends readonly unknown[], Row> {
  /** Undefined where its shape differs from time to time, so that preparing it would fill the connection. */
  readonly name: string | undefined
  readonly sql: string
  bind(parameters: Parameters): unknown[]
  /** Only for the type. */
  readonly row?: Row
}

/** Stands for the parameter at `index` while the query is built. */
class Placeholder {
  constructor(readonly index: number) {}
}

/**
 * Builds a statement. `build` is called once, with a stand-in for each of its parameters: they may go wherever
 * Kysely takes a value.
 * @param name unique; also the name of the prepared statement, so at most 63 bytes
 * @param count how many parameters it has, where `build` takes any number
 */
export function statement<Parameters extends readonly unknown[], Row>(
  name: string,
  build: (...parameters: Parameters) => Compilable<Row>,
  count = build.length,
): Statement<Parameters, Row> {
  const placeholders = Array.from({ length: count }, (_, index) => new Placeholder(index))
  const compiled = build(...(placeholders as unknown as Parameters)).compile()
  return {
    name,
    sql: compiled.sql,
    bind: (parameters) =>
      compiled.parameters.map((value) => {
        const bound = value instanceof Placeholder ? parameters[value.index] : value
        return Array.isArray(bound) ? arrayLiteral(bound) : bound
      }),
  }
}

/** A statement whose shape depends on what is asked for, with its values. */
export function unnamed<Row>(built: RawBuilder<Row>): Statement<[], Row> {
  const { sql, parameters } = built.compile(query)
  return {
    name: undefined,
    sql,
    bind: () => parameters.map((value) => (Array.isArray(value) ? arrayLiteral(value) : value)),
  }
}
