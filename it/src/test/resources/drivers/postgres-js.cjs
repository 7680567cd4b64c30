// postgres.js (npm: postgres) through Vela. See README.md.
const postgres = require('postgres');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const { env, bearer, ca, otherCa, refused, untilAsleep, run, assert } = require('./checks.cjs');

const database = env.VELA_DATABASE;
const tls = { port: env.VELA_TLS_PORT, ssl: { ca } };

async function connected(settings, action) {
  const sql = postgres({
    host: '127.0.0.1',
    port: env.VELA_PORT,
    user: env.VELA_USER,
    password: env.VELA_PASSWORD,
    database: database + '@' + env.VELA_BRANCH,
    ssl: false,
    max: 1,
    fetch_types: false,
    connect_timeout: 20,
    ...settings,
  });
  try {
    return await action(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const inBranch = (settings = {}) =>
  connected(settings, async (sql) => {
    const [row] = await sql`SELECT name, current_user AS me FROM marker`;
    assert.deepStrictEqual([row.name, row.me], [env.VELA_BRANCH, env.VELA_USER]);
  });

const cancelled = (settings) =>
  connected(settings, (sql) => connected({}, async (other) => {
    const sleeping = sql`SELECT pg_sleep(30)`;
    const failed = refused('57014', () => sleeping);
    await untilAsleep(async () =>
      (await other`SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)[0].n);
    await sleeping.cancel();
    await failed;
    assert.strictEqual((await sql`SELECT 1 AS n`)[0].n, 1);
  }));

run({
  'database-name': () => inBranch(),
  option: () => inBranch({ database, connection: { options: 'branch=' + env.VELA_BRANCH } }),
  'option-setting': async () => {
    const options = '-c work_mem=7MB -c vela.branch=' + env.VELA_BRANCH;
    await connected({ database, connection: { options } }, async (sql) =>
      assert.strictEqual((await sql`SHOW work_mem`)[0].work_mem, '7MB'));
  },
  'server-name': () => inBranch({ database, ssl: { ca, servername: env.VELA_SERVER_NAME } }),
  'token-user': () =>
    inBranch({ database, user: env.VELA_USER + '~' + env.VELA_TOKEN_ID, password: env.VELA_TOKEN_SECRET }),
  'token-bearer': async () => {
    await inBranch({ database: database + '@' + bearer, password: '' });
    await inBranch({ database, connection: { options: 'branch=' + bearer }, password: '' });
  },
  'no-branch': () => refused('3D000', () => inBranch({ database })),
  'wrong-password': () => refused('28P01', () => inBranch({ password: 'wrong' })),
  md5: () => connected({ user: 'old', password: 'old' }, async (sql) =>
    assert.strictEqual((await sql`SELECT current_user AS me`)[0].me, 'old')),
  'tls-disable': async () => {
    await inBranch({ ssl: false });
    await refused('28000', () => inBranch({ port: env.VELA_TLS_PORT, ssl: false }));
  },
  'tls-require': () => inBranch({ ...tls, ssl: 'require' }),
  'tls-verify-full': async () => {
    await inBranch({ ...tls, ssl: { ca, servername: 'localhost' } });
    await refused('DEPTH_ZERO_SELF_SIGNED_CERT', () => inBranch({ ...tls, ssl: { ca: otherCa } }));
    await refused('ERR_TLS_CERT_ALTNAME_INVALID', () => inBranch({ ...tls, ssl: { ca, servername: 'elsewhere.test' } }));
  },
  'tls-direct': () => inBranch({ ...tls, sslnegotiation: 'direct' }),
  prepared: () => connected({}, async (sql) => {
    for (const number of [1, 2, 3]) {
      assert.strictEqual((await sql`SELECT ${number}::int + 40 AS n`)[0].n, number + 40);
    }
    const [{ n }] = await sql`SELECT count(*)::int AS n FROM pg_prepared_statements WHERE statement LIKE '%+ 40%'`.simple();
    assert.strictEqual(n, 1);
  }),
  'copy-in': () => connected({}, async (sql) => {
    const rows = Readable.from((function* () {
      for (let id = 0; id < 10000; id++) yield id + '\tname ' + id + '\n';
    })());
    await pipeline(rows, await sql`COPY filled FROM STDIN`.writable());
    assert.strictEqual((await sql`SELECT count(*)::int AS n FROM filled`)[0].n, 10000);
  }),
  'copy-out': () => connected({}, async (sql) => {
    let text = '';
    for await (const chunk of await sql`COPY (SELECT generate_series(1, 10000)) TO STDOUT`.readable()) text += chunk;
    assert.strictEqual(text.trim().split('\n').reduce((sum, line) => sum + Number(line), 0), 50005000);
  }),
  listen: () => connected({}, (sql) => connected({}, async (other) => {
    let hear;
    const heard = new Promise((resolve) => (hear = resolve));
    const { unlisten } = await sql.listen('news', hear);
    await other.notify('news', 'hello');
    assert.strictEqual(await heard, 'hello');
    await unlisten();
  })),
  cancel: () => cancelled({}),
  'cancel-tls': () => cancelled(tls),
  errors: () => connected({}, async (sql) => {
    const twice = await refused('23505', () => sql`INSERT INTO marker VALUES (${env.VELA_BRANCH})`);
    assert.strictEqual(twice.constraint_name, 'marker_pkey');
    await refused('42P01', () => sql`SELECT * FROM no_such_table`);
    await refused('22P02', () => sql`SELECT 'x'::int`);
    assert.strictEqual((await sql`SELECT 1 AS n`)[0].n, 1);
  }),
});
