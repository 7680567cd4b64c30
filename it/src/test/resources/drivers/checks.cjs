// What the node drivers' programs share: one line a check, `ok NAME` or `FAILED NAME: why`. See README.md.
const fs = require('fs');
const assert = require('assert');

const env = process.env;
const bearer = 'vela_' + env.VELA_TOKEN_ID + '_' + env.VELA_TOKEN_SECRET;
const ca = fs.readFileSync(env.VELA_CA, 'utf8');
const otherCa = fs.readFileSync(env.VELA_OTHER_CA, 'utf8');

async function refused(code, action) {
  try {
    await action();
  } catch (error) {
    assert.strictEqual(error.code, code, String(error));
    return error;
  }
  throw new Error('no error instead of ' + code);
}

/** Asks until a backend is in pg_sleep. */
async function untilAsleep(count) {
  while (Number(await count()) === 0);
}

async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log('ok ' + name);
    } catch (error) {
      console.log('FAILED ' + name + ': ' + (error.code + ' ' + error.stack).replace(/\n/g, ' | '));
    }
  }
  process.exit(0);
}

module.exports = { env, bearer, ca, otherCa, refused, untilAsleep, run, assert };
