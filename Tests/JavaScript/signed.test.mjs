// Commands that were signed: a node that cannot be trusted, and a client with the backend's keys.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { client, connected, fakeNode } from './support/client.mjs';
import { Switchboard } from './support/module.mjs';
import { line, now, privateKey, publicLine, secretLine, signed } from './support/signing.mjs';

function memory() {
  const values = new Map();
  return { getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value) };
}

/** A client with both keys, and what it ran. */
async function guarded(t, options = {}) {
  const ran = [];
  const made = await connected(t, {
    clientId: 'c', storage: memory(), commandKeys: [`# keys\n${publicLine}\n`, secretLine],
    onCommand: ({ id, name, data, signedBy }) => {
      ran.push(id);
      return { name, data: data instanceof Uint8Array ? [...data] : data, signedBy };
    },
    ...options,
  });
  const answer = async (text) => {
    made.session.send(text);
    return made.session.next('result');
  };
  const code = async (text) => {
    const { status, data } = await answer(text);
    return [status, data.code];
  };
  return { ran, answer, code, ...made };
}

test('what was signed runs, by either kind of key, and says by which', async (t) => {
  const { answer, ran } = await guarded(t);
  const cases = [
    ['c1', { data: ' { "a" : 3.20,\n"b":"\\u00e9\\"}]" } ' .trim(), name: 'ü x' }, { a: 3.2, b: 'é"}]' }],
    ['c2', { data: 'null', key: 'ops-2' }, null],
    ['c3', { base64: 'AAr/' }, [0, 10, 255]],
    ['c4', { data: '"text"' }, 'text'],
  ];
  for (const [id, options, data] of cases) {
    const { name = 'do', key = 'ops-1' } = options;
    assert.deepEqual((await answer(signed(id, options))).data, { name, data, signedBy: key });
  }
  assert.deepEqual(ran, ['c1', 'c2', 'c3', 'c4']);
});

test('whatever was changed is noticed, and nothing of it runs', async (t) => {
  const { code, ran, answer } = await guarded(t);
  const honest = signed('c1', { data: '{"delay": 5.0}' });
  assert.deepEqual(await code('{"type":"command","id":"c1","name":"do","timeout":1}'), [401, 'signature_required']);
  assert.deepEqual(await code('{"type":"command","id":"c1","name":"do","signature":{"key":"ops-1"}}'), [401, 'signature_required']);
  for (const [from, to] of [
    ['"id":"c1"', '"id":"c2"'], ['"name":"do"', '"name":"undo"'], ['{"delay": 5.0}', '{"delay": 5}'],
    ['{"delay": 5.0}', '{"delay":5.0}'], ['"data":', '"base64":"AA==","data":'], ['"data":{"delay": 5.0}', '"base64":"AA=="'],
    ['"data":{"delay": 5.0}', '"base64":"?"'], ['"data":{"delay": 5.0}', '"base64":7'],
    ['"key":"ops-1"', '"key":"ops-2"'], ['"name":"do"', '"name":"do\\ndata"'], ['"name":"do"', '"name":"\\ud800"'],
    // Of a member that comes twice the last counts: for what is checked as for what is run.
    ['{"delay": 5.0}', '{"delay": 5.0},"data":{"delay": 6.0}'], ['{"delay": 5.0}', '{"delay": 5.0},"d\\u0061ta":7'],
  ]) {
    assert.ok(honest.includes(from), from);
    assert.deepEqual(await code(honest.replace(from, to)), [401, 'signature_invalid'], to);
  }
  const other = generateKeyPairSync('ed25519').privateKey;
  assert.deepEqual(await code(signed('c1', { by: other })), [401, 'signature_invalid']);
  assert.deepEqual(await code(signed('c1', { to: 'd' })), [401, 'signature_invalid']);
  assert.deepEqual(await code(signed('c1', { key: 'ops-3' })), [401, 'signature_unknown_key']);
  assert.deepEqual(await code(signed('c1', { seconds: 3601 })), [401, 'signature_too_long']);
  assert.deepEqual(await code(signed('c1', { seconds: 0 })), [401, 'signature_too_long']);
  assert.deepEqual(await code(signed('c1', { issued: now() - 1000 })), [401, 'signature_expired']);
  assert.deepEqual(await code(signed('c1', { issued: now() + 1000 })), [401, 'signature_not_yet_valid']);
  assert.deepEqual(ran, []);
  // None of it took the id.
  assert.equal((await answer(honest)).status, 200);
  assert.deepEqual(ran, ['c1']);
});

test('a repetition gets the first result, another command under the id is refused, also after a restart', async (t) => {
  const storage = join(tmpdir(), `signed-${process.pid}-${Date.now()}`);
  t.after(() => rmSync(storage, { force: true }));
  const first = await guarded(t, { storage });
  const honest = signed('c1');
  const { status, data } = await first.answer(honest);
  assert.deepEqual([status, data.data], [200, 1]);
  for (const again of [honest, signed('c1', { issued: now() + 1 })]) {
    assert.deepEqual((await first.answer(again)).data, data);
  }
  assert.deepEqual(await first.code(signed('c1', { data: '2' })), [401, 'signature_replayed']);
  await first.switchboard.close();
  assert.match(readFileSync(storage, 'utf8'), /"k":"c1","h":/);
  const second = await guarded(t, { storage });
  assert.deepEqual((await second.session.next('result')).data, data);
  assert.deepEqual((await second.answer(honest)).data, data);
  assert.deepEqual(await second.code(signed('c1', { data: '2' })), [401, 'signature_replayed']);
  assert.deepEqual([first.ran, second.ran], [['c1'], []]);
});

test('what the memory has forgotten is not let in again', async (t) => {
  const storage = memory();
  // As an older run left it: the floor alone.
  storage.setItem('switchboard:c', `{"l":${now() + 200}}\n`);
  const { code, answer, ran } = await guarded(t, { storage });
  assert.deepEqual(await code(signed('c1', { seconds: 200 - 5 })), [401, 'signature_expired']);
  assert.equal((await answer(signed('c2', { seconds: 300 }))).status, 200);
  assert.deepEqual(ran, ['c2']);
});

test('what cannot be remembered is not run', async (t) => {
  const storage = { ...memory(), isFull: false };
  const { setItem } = storage;
  storage.setItem = (key, value) => {
    if (storage.isFull) throw new Error('the storage is full');
    setItem(key, value);
  };
  const { answer, ran, event } = await guarded(t, { storage });
  storage.isFull = true;
  assert.equal((await answer(signed('c1'))).status, 500);
  assert.equal((await event('error')).error.message, 'the storage is full');
  storage.isFull = false;
  assert.deepEqual(ran, []);
});

test('a command that is taken back before it was checked does not run', async (t) => {
  const { session, ran } = await guarded(t);
  session.send(signed('c1'));
  session.send({ type: 'cancel', id: 'c1' });
  assert.deepEqual(await session.next('result'), { type: 'result', id: 'c1', status: 499, data: { error: 'cancelled' } });
  assert.deepEqual(ran, []);
});

test('a client that is closed meanwhile runs nothing', async (t) => {
  const { session, ran, switchboard } = await guarded(t);
  session.send(signed('c1'));
  await session.settle();
  session.send(signed('c2'));
  const before = ran.length;
  await switchboard.close();
  assert.ok(ran.length <= before + 1 && !ran.includes('c2'));
});

test('refusals are events, and ids that are none are not answered', async (t) => {
  const { session, event, code } = await guarded(t);
  session.send({ type: 'command', id: 'a\nb', name: 'do', timeout: 1 });
  session.send({ type: 'command', id: 'x'.repeat(200), name: 'do', timeout: 1 });
  assert.deepEqual(await code('{"type":"command","id":"c1","name":"do"}'), [401, 'signature_required']);
  const { type, code: why, ref } = await event('refused');
  assert.deepEqual([type, why, ref], ['refused', 'signature_required', 'c1']);
});

test('keys that cannot be used are refused at the start', async (t) => {
  const node = await fakeNode(t);
  const storage = memory();
  const priv = line('switchboard-ed25519-private', 'ops-1', privateKey.export({ format: 'jwk' }).d);
  for (const options of [{ storage: undefined }, { clientId: undefined }, { commandClockSkew: 601 }]) {
    assert.throws(() => new Switchboard({ url: node.url, clientId: 'c', storage, commandKeys: publicLine, ...options }),
      { code: 'invalid_options' });
  }
  for (const commandKeys of ['', '# none', 'ops-1', priv, `${publicLine}\n${publicLine}`, publicLine.slice(0, -1),
    line('switchboard-hmac-sha256-secret', 'k', 'AAAA'), line('switchboard-ed25519-public', 'a/b', publicLine.split(' ')[2])]) {
    const { switchboard } = client(t, node, { storage, commandKeys });
    await assert.rejects(switchboard.connect(), (error) => {
      assert.equal(error.code, 'invalid_options');
      assert.ok(!error.message.includes(priv.split(' ')[2]));
      return true;
    });
  }
  assert.equal(node.count, 0);
});

test('a browser that does not know Ed25519 says so', async (t) => {
  const { subtle } = globalThis.crypto;
  t.mock.method(Object.getPrototypeOf(subtle), 'importKey', () => Promise.reject(new Error('Unrecognized name')));
  const node = await fakeNode(t);
  const { switchboard } = client(t, node, { storage: memory(), commandKeys: publicLine });
  await assert.rejects(switchboard.connect(), { code: 'unsupported', message: /Ed25519 is not known here/ });
});

test('without keys a signature means nothing, and nobody signs for a hostile node', async (t) => {
  const seen = [];
  const { session } = await connected(t, { onCommand: (command) => { seen.push(command.signedBy); } });
  session.send(signed('c1').replace('"timeout":30', '"timeout":30,"signedBy":"ops-1","refuse":7'));
  assert.equal((await session.next('result')).status, 200);
  assert.deepEqual(seen, [undefined]);
});

test('the published vector of RFC 8032 is what WebCrypto checks', async () => {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', 'hex')]);
  const { x } = createPublicKey({ key: der, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  const raw = Buffer.from(x, 'base64url');
  const key = await crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
  const value = Buffer.from('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da'
    + '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00', 'hex');
  assert.equal(await crypto.subtle.verify('Ed25519', key, value, Buffer.from('72', 'hex')), true);
  assert.equal(await crypto.subtle.verify('Ed25519', key, value, Buffer.from('73', 'hex')), false);
});
