// What both clients of npm need: the flag, a switch, and waiting for something to become true.
import assert from 'node:assert/strict';

export const FLAG = 'git.clone.use_service_layer';

/** Switches the flag by the flags API. */
export async function put(url, key, on) {
  const answer = await fetch(`${url}/api/v1/flags/${FLAG}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ on, reason: 'test of the clients' }),
  });
  assert.equal(answer.status, 200, await answer.text());
}

/** Milliseconds until the condition holds. */
export async function until(what, holds) {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > 30_000) throw new Error(`waited in vain: ${what}`);
    await new Promise((go) => setTimeout(go, 2));
  }
  return performance.now() - begun;
}
