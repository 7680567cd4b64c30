// The Pool of node-postgres through Vela, as ConnectionPoolsTest tells it: a line each, answered by `ok` or by why not. See README.md.
const { Pool } = require('pg');
const readline = require('readline');

const env = process.env;
const size = Number(env.VELA_POOL);
let lost = 0;
const pool = new Pool({
  host: '127.0.0.1',
  port: env.VELA_PORT,
  user: env.VELA_USER,
  password: env.VELA_PASSWORD,
  database: env.VELA_DATABASE + '@' + env.VELA_BRANCH,
  max: size,
  // It closes what is idle for 10 s else, by itself.
  idleTimeoutMillis: 0,
});
pool.on('error', () => lost++);

/** Each connection of the pool once, all at the same time. */
async function onEach(act) {
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  try {
    await Promise.all(clients.map(act));
  } finally {
    clients.forEach((client) => client.release());
  }
}

const acts = {
  use: () => onEach((client) => client.query('INSERT INTO used VALUES ($1)', ['node-postgres'])),
  // It has no validation of its own: what its users put around it.
  ping: () => onEach((client) => client.query('SELECT 1')),
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      await acts[line.trim()]();
      console.log(lost === 0 ? 'ok' : lost + ' connections lost');
    } catch (error) {
      console.log((error.code + ' ' + error.stack).replace(/\n/g, ' | '));
    }
  }
}

main();
