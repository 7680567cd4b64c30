// node-postgres (npm: pg, pg-copy-streams) through Vela. See README.md.
const { Client } = require('pg');
const { from, to } = require('pg-copy-streams');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const { env, bearer, ca, otherCa, refused, untilAsleep, run, assert } = require('./checks.cjs');

const database = env.VELA_DATABASE;
const tls = { port: env.VELA_TLS_PORT, ssl: { ca } };
const tokenUser = { database, user: env.VELA_USER + '~' + env.VELA_TOKEN_ID, password: env.VELA_TOKEN_SECRET };

async function connected(settings, action) {
  const client = new Client({
    host: '127.0.0.1',
    port: env.VELA_PORT,
    user: env.VELA_USER,
    password: env.VELA_PASSWORD,
    database: database + '@' + env.VELA_BRANCH,
    ssl: false,
    connectionTimeoutMillis: 20000,
    ...settings,
  });
  client.on('error', () => {});
  const begin = client.connection.sendSASLInitialResponseMessage.bind(client.connection);
  client.connection.sendSASLInitialResponseMessage = (mechanism, response) => {
    client.mechanism = mechanism;
    begin(mechanism, response);
  };
  await client.connect();
  try {
    return await action(client);
  } finally {
    await client.end();
  }
}

const value = async (client, ...query) => Object.values((await client.query(...query)).rows[0])[0];

const inBranch = (settings = {}) =>
  connected(settings, async (client) => {
    assert.strictEqual(await value(client, 'SELECT name FROM marker'), env.VELA_BRANCH);
    assert.strictEqual(await value(client, 'SELECT current_user'), env.VELA_USER);
    assert.strictEqual(Boolean(client.connection.stream.encrypted), Boolean(settings.ssl));
    return client;
  });

const bound = async (settings) => {
  const client = await inBranch({ ...tls, enableChannelBinding: true, ...settings });
  // It has no way to require a binding.
  assert.strictEqual(client.mechanism, 'SCRAM-SHA-256-PLUS');
};

const cancelled = (settings) =>
  connected(settings, (client) =>
    connected({}, async (other) => {
      const sleeping = client.query('SELECT pg_sleep(30)');
      const failed = refused('57014', () => sleeping);
      await untilAsleep(() =>
        value(other, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"));
      new Client({ host: '127.0.0.1', port: client.port }).cancel(client, client._getActiveQuery());
      await failed;
      assert.strictEqual(await value(client, 'SELECT 1'), 1);
    }));

const hear = (check) =>
  connected({}, (client) => connected({}, async (other) => {
    const heard = new Promise((resolve) => client.once('notification', resolve));
    await client.query('LISTEN news');
    await other.query("SELECT pg_notify('news', 'hello')");
    check(await heard, other);
  }));

run({
  'database-name': () => inBranch(),
  option: () => inBranch({ database, options: 'branch=' + env.VELA_BRANCH }),
  'option-setting': async () => {
    await inBranch({ database, options: '-c vela.branch=' + env.VELA_BRANCH });
    await connected({ database, options: '-c work_mem=7MB -c vela.branch=' + env.VELA_BRANCH }, async (client) =>
      assert.strictEqual(await value(client, 'SHOW work_mem'), '7MB'));
  },
  'server-name': () => inBranch({ database, ssl: { ca, servername: env.VELA_SERVER_NAME } }),
  'token-user': () => inBranch(tokenUser),
  'token-bearer': async () => {
    await inBranch({ database: database + '@' + bearer, password: '' });
    await inBranch({ database, options: 'branch=' + bearer, password: '' });
  },
  'token-binding': () => bound(tokenUser),
  'no-branch': () => refused('3D000', () => inBranch({ database })),
  'wrong-password': () => refused('28P01', () => inBranch({ password: 'wrong' })),
  'scram-plus': () => bound({}),
  md5: () => connected({ user: 'old', password: 'old' }, async (client) =>
    assert.strictEqual(await value(client, 'SELECT current_user'), 'old')),
  'tls-disable': async () => {
    await inBranch({ ssl: false });
    await refused('28000', () => inBranch({ port: env.VELA_TLS_PORT, ssl: false }));
  },
  'tls-require': () => inBranch({ ...tls, ssl: { rejectUnauthorized: false } }),
  'tls-verify-full': async () => {
    await inBranch({ ...tls, ssl: { ca, servername: 'localhost' } });
    await refused('DEPTH_ZERO_SELF_SIGNED_CERT', () => inBranch({ ...tls, ssl: { ca: otherCa } }));
    await refused('ERR_TLS_CERT_ALTNAME_INVALID', () => inBranch({ ...tls, ssl: { ca, servername: 'elsewhere.test' } }));
  },
  'tls-direct': () => inBranch({ ...tls, sslnegotiation: 'direct' }),
  prepared: () => connected({}, async (client) => {
    for (const number of [1, 2, 3]) {
      assert.strictEqual(await value(client, { name: 'sum', text: 'SELECT $1::int + 40', values: [number] }), number + 40);
    }
    assert.strictEqual(await value(client, 'SELECT count(*)::int FROM pg_prepared_statements'), 1);
  }),
  'copy-in': () => connected({}, async (client) => {
    const rows = Readable.from((function* () {
      for (let id = 0; id < 10000; id++) yield id + '\tname ' + id + '\n';
    })());
    await pipeline(rows, client.query(from('COPY filled FROM STDIN')));
    assert.strictEqual(await value(client, 'SELECT count(*)::int FROM filled'), 10000);
  }),
  'copy-out': () => connected({}, async (client) => {
    let text = '';
    for await (const chunk of client.query(to('COPY (SELECT generate_series(1, 10000)) TO STDOUT'))) text += chunk;
    assert.strictEqual(text.trim().split('\n').reduce((sum, line) => sum + Number(line), 0), 50005000);
  }),
  listen: () => hear((heard) => assert.deepStrictEqual([heard.channel, heard.payload], ['news', 'hello'])),
  'listen-process': () => hear((heard, other) => assert.strictEqual(heard.processId, other.processID)),
  cancel: () => cancelled({}),
  'cancel-tls': () => cancelled(tls),
  errors: () => connected({}, async (client) => {
    const twice = await refused('23505', () => client.query('INSERT INTO marker VALUES ($1)', [env.VELA_BRANCH]));
    assert.strictEqual(twice.constraint, 'marker_pkey');
    await refused('42P01', () => client.query('SELECT * FROM no_such_table'));
    await refused('22P02', () => client.query("SELECT 'x'::int"));
    assert.strictEqual(await value(client, 'SELECT 1'), 1);
  }),
});
