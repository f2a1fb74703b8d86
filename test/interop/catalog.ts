/** All that a database holds in the schema `public`: what the catalogs say of it, and its rows. */
import type pg from 'pg'

const SCHEMA = `'public'::regnamespace`
const RELATIONS = `(select oid from pg_class where relnamespace = ${SCHEMA})`

/** Each catalog, and which of its rows are about that schema, or about the whole database. */
const CATALOGS = {
  pg_namespace: `oid = ${SCHEMA}`,
  pg_class: `relnamespace = ${SCHEMA}`,
  pg_attribute: `attrelid in ${RELATIONS}`,
  pg_attrdef: `adrelid in ${RELATIONS}`,
  pg_index: `indrelid in ${RELATIONS}`,
  pg_trigger: `tgrelid in ${RELATIONS}`,
  pg_rewrite: `ev_class in ${RELATIONS}`,
  pg_policy: `polrelid in ${RELATIONS}`,
  pg_sequence: `seqrelid in ${RELATIONS}`,
  pg_inherits: `inhrelid in ${RELATIONS} or inhparent in ${RELATIONS}`,
  pg_description: `objoid in ${RELATIONS}`,
  pg_publication_rel: `prrelid in ${RELATIONS}`,
  pg_statistic_ext: `stxrelid in ${RELATIONS}`,
  pg_constraint: `connamespace = ${SCHEMA}`,
  pg_type: `typnamespace = ${SCHEMA}`,
  pg_proc: `pronamespace = ${SCHEMA}`,
  pg_default_acl: `defaclnamespace in (0, ${SCHEMA})`,
  pg_extension: 'true',
  pg_event_trigger: 'true',
} as const

/** What VACUUM and ANALYZE keep up to date. */
const UPKEEP = `'{relpages,reltuples,relallvisible,relallfrozen,relfrozenxid,relminmxid}'::text[]`

/** A row a line. `xmin` tells one that was written anew, if only as it was. */
export async function contentsOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select oid::regclass::text as name from pg_class
     where relnamespace = ${SCHEMA} and relkind in ('r', 'S') order by 1`,
  )
  const all = [...Object.entries(CATALOGS), ...rows.map(({ name }) => [name, 'true'] as const)]
  const lines = await Promise.all(all.map(([table, condition]) => linesOf(pool, table, condition)))
  return lines.flat()
}

async function linesOf(pool: pg.Pool, table: string, condition: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select '${table} ' || (to_jsonb(x) - ${UPKEEP})::text as line
     from (select xmin::text as written, * from ${table} where ${condition}) x order by 1`,
  )
  return rows.map(({ line }) => line)
}
