// The server SDK with the OFREP provider: one request for each evaluation.
import assert from 'node:assert/strict';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { OpenFeature } from '@openfeature/server-sdk';
import { FLAG, put } from './common.mjs';

const [phase, url, key, write] = process.argv.slice(2);

async function client(headers) {
  const domain = JSON.stringify(headers);
  await OpenFeature.setProviderAndWait(domain, new OFREPProvider({ baseUrl: url, headers }));
  return OpenFeature.getClient(domain);
}

const acme = { targetingKey: 'acme', plan: 'free' };
const bearer = await client([['Authorization', `Bearer ${key}`]]);
const byName = await client([['X-API-Key', key]]);

async function is(value, reason) {
  for (const one of [bearer, byName]) {
    const details = await one.getBooleanDetails(FLAG, !value, acme);
    assert.equal(details.errorCode, undefined, details.errorMessage);
    assert.deepEqual([details.value, details.variant, details.reason], [value, value ? 'target' : 'legacy', reason]);
    assert.equal(details.flagMetadata.rollout, 'git-sandbox');
    assert.equal(typeof details.flagMetadata.bucket, 'number');
  }
}

async function fails(one, flag, context, code) {
  const details = await one.getBooleanDetails(flag, false, context);
  assert.deepEqual([details.value, details.errorCode], [false, code], details.errorMessage);
}

if (phase === 'killed') {
  await is(false, 'DISABLED');
} else {
  await is(true, 'STATIC');
  await put(url, write, false);
  await is(false, 'DISABLED');
  await put(url, write, true);
  await is(true, 'STATIC');
  await fails(bearer, 'no.such.flag', acme, 'FLAG_NOT_FOUND');
  await fails(bearer, FLAG, {}, 'TARGETING_KEY_MISSING');
  await fails(await client([['Authorization', 'Bearer wrong']]), FLAG, acme, 'GENERAL');
  assert.equal((await bearer.getStringDetails(FLAG, 'x', acme)).errorCode, 'TYPE_MISMATCH');
  // A thousand at once: one answer of 429 would stop all of them.
  const many = await Promise.all(Array.from({ length: 1000 }, () => bearer.getBooleanDetails(FLAG, false, acme)));
  assert.ok(many.every((one) => one.value && one.errorCode === undefined));
}
console.log(`@openfeature/server-sdk, ${phase}: ok`);
await OpenFeature.close();
