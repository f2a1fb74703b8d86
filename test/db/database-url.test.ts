/** URLs of databases, those with several hosts included, are read as libpq reads them. */
import t from 'tap'
import { hideSecrets, readDatabaseUrl } from '../../src/db/database-url.js'
import { readConfig } from '../../src/config.js'

t.test('one server, or several', async (t) => {
  const cases: Record<string, string[]> = {
    'postgresql://ada:s3cret@db/users': ['postgresql://ada:s3cret@db/users'],
    'postgres://ada:a,b@db:5433/users': ['postgres://ada:a,b@db:5433/users'],
    'postgresql://ada:s3cret@db1:1,db2:2/users?sslmode=disable': [
      'postgresql://ada:s3cret@db1:1/users?sslmode=disable',
      'postgresql://ada:s3cret@db2:2/users?sslmode=disable',
    ],
    'postgresql://db1,[::1]:5433,10.0.0.1/users': [
      'postgresql://db1/users',
      'postgresql://[::1]:5433/users',
      'postgresql://10.0.0.1/users',
    ],
    'postgresql://ada@local:5433/users?host=/a,/b': [
      'postgresql://ada@local:5433/users?host=%2Fa',
      'postgresql://ada@local:5433/users?host=%2Fb',
    ],
    'postgresql:///users?host=db1,db2&port=1,2': [
      'postgresql:///users?host=db1&port=1',
      'postgresql:///users?host=db2&port=2',
    ],
    'postgresql:///users?host=db1,db2&port=5433': [
      'postgresql:///users?host=db1&port=5433',
      'postgresql:///users?host=db2&port=5433',
    ],
  }
  for (const [url, servers] of Object.entries(cases))
    t.strictSame(readDatabaseUrl(url), { servers, target: 'any' }, url)
  t.equal(readDatabaseUrl('postgresql://a,b/users?target_session_attrs=read-write').target, 'read-write')
})

t.test('what is wrong is said, and no secret', async (t) => {
  const cases: Record<string, RegExp> = {
    'mysql://ada:s3cret@db/users': /must be a URL like/,
    'postgresql://ada:s3cret@/users': /must be a URL like/,
    'postgresql://ada:s3cret@db1:1,/users': /must have several hosts like/,
    'postgresql://ada:s3cret@db1,db2:0/users': /must have several hosts like/,
    'postgresql://ada:s3cret@db1,db2:65536/users': /must have several hosts like/,
    'postgresql://ada:s3cret@::1,db2/users': /must have several hosts like/,
    'postgresql://ada:s3cret@db/users?host=db1,&port=1': /must have several hosts like/,
    'postgresql://ada:s3cret@db/users?host=a,b,c&port=1,2': /one port, or one for each host/,
    'postgresql://ada:s3cret@db/users?port=1,2': /one port, or one for each host/,
    'postgresql://ada:s3cret@db1,db2/users?host=db3': /in one place/,
    'postgresql://ada:s3cret@db1,db2/users?target_session_attrs=standby': /makes changes/,
  }
  for (const [DATABASE_URL, expected] of Object.entries(cases)) {
    t.throws(() => readConfig({ DATABASE_URL }), { name: 'ConfigError', message: expected }, DATABASE_URL)
    t.throws(() => readConfig({ DATABASE_URL }), { message: /^(?!.*s3cret)/ })
  }
})

t.test('it is shown without its secrets', async (t) => {
  t.equal(
    hideSecrets('postgresql://hosts:s3cret@hosts:1,[::1]/users?sslpassword=s3cret'),
    'postgresql://hosts:********@hosts:1,[::1]/users?sslpassword=********',
  )
  t.equal(hideSecrets('postgresql://ada:s3cret@db:1/users'), 'postgresql://ada:********@db:1/users')
})
