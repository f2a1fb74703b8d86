import t from 'tap'
import { checkContract } from '../src/contract/suite.js'
import { openWorld } from '../src/contract/world.js'
import { createDatabase } from './helpers/database.js'
import { startService } from './helpers/service.js'

/** @param firstNameWidth the most that the column holds: it depends on the Django that made it */
const deployments = (firstNameWidth: number) => ({
  'as it comes': {},
  'as the reference prints it, elsewhere and wider': {
    PREFIX: '/api/v1',
    PATCH_REQUIRED: 'username,password',
    FIRST_NAME_MAX_LENGTH: String(firstNameWidth),
    PG_PREPARED: 'off',
    PASSWORD_HASHER: 'pbkdf2_sha256',
    PBKDF2_ITERATIONS: '1000',
  },
})

const { pool } = await createDatabase(t)
const { rows } = await pool.query(
  `select atttypmod - 4 as width from pg_attribute where attrelid = 'auth_user'::regclass and attname = 'first_name'`,
)

for (const [name, settings] of Object.entries(deployments(rows[0].width))) {
  t.test(`a deployment ${name}`, async (t) => {
    const service = await startService(t, settings)
    await service.makeGroup()
    const groups = [await service.makeGroup([1]), await service.makeGroup()]
    const { id: userId, key } = await service.makeCaller({ groups, user_permissions: [2] })
    const spareUserId = await service.makeUser()
    await checkContract(t, await openWorld({ url: service.url, key, userId, spareUserId }))
  })
}
