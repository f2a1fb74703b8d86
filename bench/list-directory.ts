/** A directory as lists meet it: names of all kinds, some rare and some in every tenth user, and groups of all sizes. */
import { makeDirectory, type Directory } from './database.js'
import type { Bench } from './bench.js'

/** Groups beside those of all directories: with 1 % of the users, and with 50 %. */
export const GROUP_IDS = { one: 101, half: 102 } as const

/** Given to the group of 1 %, to that of 50 %, and to one user of 10,000: by their names in `auth`. */
export const PERMISSIONS = { rare: 'rare', common: 'common', direct: 'direct' } as const

/** Makes a database with this many users, still without the indexes. */
export async function makeListDirectory(bench: Bench, name: string, users: number): Promise<Directory> {
  // Its one user and its staff are among the many; they have the keys.
  const directory = await makeDirectory(bench.resources, bench.server, name, 1)
  const client = await directory.pool.connect()
  try {
    await client.query('set session_replication_role = replica')
    await client.query(GROUPS)
    await client.query(USERS, [users])
    await client.query(MEMBERSHIPS)
    await client.query('reset session_replication_role')
    await client.query('vacuum (analyze)')
  } finally {
    client.release()
  }
  return { ...directory, users }
}

const GROUPS = `
insert into auth_group (id, name) values (${GROUP_IDS.one}, 'one in a hundred'), (${GROUP_IDS.half}, 'every other');
insert into auth_permission (name, content_type_id, codename)
  select p, (select id from django_content_type where model = 'user'), p
  from unnest(array['${PERMISSIONS.rare}', '${PERMISSIONS.common}', '${PERMISSIONS.direct}']) p;
insert into auth_group_permissions (group_id, permission_id)
  select g, p.id from (values (${GROUP_IDS.one}, '${PERMISSIONS.rare}'), (${GROUP_IDS.half}, '${PERMISSIONS.common}')) v (g, codename)
  join auth_permission p using (codename)`

/** The same for every run, without an order that anything could profit from. */
const chance = (salt: number, of: number) => `(abs(hashint8(n * 31 + ${salt})::bigint) % ${of})`

// A square of chance: the first names of a list are much more frequent than the last ones.
const skewed = (salt: number, of: number) =>
  `(1 + floor(power(${chance(salt, 10_000)} / 10000.0, 2) * ${of}))::int`

const FIRST_NAMES = `array['Anna','Ben','Clara','David','Emma','Felix','Grete','Hugo','Ida','Jonas','Klara','Leo',
  'Mia','Noah','Olga','Paul','Quirin','Rosa','Samuel','Thea','Udo','Vera','Willem','Xenia','Yusuf','Zoe']`
const ROOTS = `array['Smith','Meyer','Garcia','Kim','Rossi','Novak','Silva','Jansen','Dubois','Hansen','Kaya','Sato',
  'Ivanov','Nguyen','Khan','Okafor','Lindberg','Fischer','Moreau','Kowalski']`
const ENDINGS = `array['','son','mann','ski','ez','sen','ova','ton','ley','berg']`

/** They joined in the order of their ids over six years; 30 % never logged in, 0.1 % are staff, 2 % are not active. */
const USERS = `
insert into auth_user (id, password, last_login, is_superuser, username, first_name, last_name, email,
                       is_staff, is_active, date_joined)
  select n, password, case when ${chance(1, 10)} >= 3 then now() - ${chance(2, 63_072_000)} * interval '1 s' end,
         n % 50000 = 17, lower(first_name) || n, first_name, last_name,
         case when ${chance(3, 20)} = 0 then '' else lower(first_name || '.' || last_name) || n || '@example.com' end,
         n % 1000 = 7, ${chance(4, 50)} <> 0, now() - ($1::int - n) * (interval '6 years' / $1::int)
  from (
    select n, (select password from auth_user limit 1) as password,
           (${FIRST_NAMES})[${skewed(5, 26)}] as first_name,
           (${ROOTS})[${skewed(6, 20)}] || (${ENDINGS})[${skewed(7, 10)}] as last_name
    from generate_series(4, $1::bigint) n
  ) as made`

const MEMBERSHIPS = `
insert into auth_user_groups (user_id, group_id)
  select n, g from generate_series(4, (select max(id) from auth_user)) n
  cross join lateral (
    select 1 + n % 20 as g
    union all select ${GROUP_IDS.one} where ${chance(8, 100)} = 0
    union all select ${GROUP_IDS.half} where ${chance(9, 2)} = 0
  ) as groups;
insert into auth_user_user_permissions (user_id, permission_id)
  select n, p.id from generate_series(4, (select max(id) from auth_user)) n
  join auth_permission p on p.codename = '${PERMISSIONS.direct}' where n % 10000 = 9`
