// The web SDK with the OFREP web provider, under node: all flags at once, entity tags, and a stream that says when to ask again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature } from '@openfeature/web-sdk';
import { FLAG, put, until } from './common.mjs';

const [url, key, write, ...kill] = process.argv.slice(2);
const headers = [['Authorization', `Bearer ${key}`]];

// Node has no EventSource, and a browser's sends no headers: this one does both.
const streams = new Set();
globalThis.EventSource = class extends EventTarget {
  readyState = 0;
  #end = new AbortController();

  constructor(address) {
    super();
    streams.add(this);
    this.#read(address).catch((error) => {
      if (!this.#end.signal.aborted) throw error;
    });
  }

  async #read(address) {
    const answer = await fetch(address, { headers, signal: this.#end.signal });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^text\/event-stream/);
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
    let text = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
        const data = text.slice(0, end).split('\n').filter((line) => line.startsWith('data: '));
        if (data.length) this.dispatchEvent(new MessageEvent('message', { data: data.map((line) => line.slice(6)).join('\n') }));
      }
    }
  }

  close() {
    this.readyState = 2;
    streams.delete(this);
    this.#end.abort();
  }
};

// What crosses the wire, as the provider sends it.
const seen = [];
async function fetchImplementation(request) {
  const answer = await fetch(request);
  seen.push({ known: request.headers.get('if-none-match'), status: answer.status, tag: answer.headers.get('etag') });
  return answer;
}

const provider = new OFREPWebProvider({ baseUrl: url, headers, fetchImplementation, cacheMode: 'disabled', pollInterval: 0 });
await OpenFeature.setContext({ targetingKey: 'acme', plan: 'free' });
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
const value = () => client.getBooleanValue(FLAG, false);

const details = client.getBooleanDetails(FLAG, false);
assert.deepEqual([details.value, details.variant, details.reason], [true, 'target', 'STATIC']);
const first = seen[0];
assert.deepEqual([first.status, first.known], [200, null]);
assert.equal(streams.size, 1, 'the provider follows the stream that bulk names');

// The stream's first event makes it ask again with the tag it has, and nothing has changed.
await until('a 304', () => seen.some((one) => one.status === 304 && one.known === first.tag));

// The provider keeps its tag when an attribute changes: it must get an answer, and another tag.
await OpenFeature.setContext({ targetingKey: 'acme', plan: 'paid' });
const paid = seen.at(-1);
assert.equal(paid.status, 200);
assert.notEqual(paid.tag, first.tag);

await put(url, write, false);
const off = await until('the switch to off', () => !value());
await put(url, write, true);
const on = await until('the switch to on', value);

execFileSync(kill[0], kill.slice(1), { stdio: 'ignore' });
const killed = await until('the kill', () => !value());
assert.equal(client.getBooleanDetails(FLAG, true).reason, 'DISABLED');
assert.ok(seen.every((one) => one.status === 200 || one.status === 304), JSON.stringify(seen));

const ms = (took) => `${took.toFixed(0)} ms`;
console.log(`@openfeature/web-sdk: off after ${ms(off)}, on after ${ms(on)}, killed ${ms(killed)} after the command's end: ok`);
await OpenFeature.close();
for (const stream of streams) stream.close();
