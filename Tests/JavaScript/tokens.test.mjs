// Tokens: shown, renewed in time, refused. What a real node makes of them is in the second half.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { client, connected, fakeNode } from './support/client.mjs';
import { path } from './support/module.mjs';
import { RealNode } from './support/real-node.mjs';

const SECRET = 'a secret that is long enough for HS256';

function base64url(value) {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token that ends in so many seconds. */
function token(seconds, claims = {}, secret = SECRET) {
  const input = `${base64url({ alg: 'HS256' })}.${base64url({ sub: 'c', exp: Date.now() / 1000 + seconds, ...claims })}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

test('a token is renewed when three quarters of its time are over', async (t) => {
  const tokens = [];
  const given = [];
  const ask = () => {
    given.push(performance.now());
    tokens.push(token(given.length < 3 ? 1.6 : 3600, { n: given.length }));
    return tokens.at(-1);
  };
  const { session } = await connected(t, { token: ask });
  assert.equal(session.clientHello.token, tokens[0]);
  for (const next of [1, 2]) {
    assert.deepEqual(await session.next(), { type: 'token', token: tokens.at(-1) });
    assert.equal(given.length, next + 1);
    assert.ok(given[next] - given[next - 1] > 1000, 'not at once');
    session.send({ type: 'ack', ref: 'token' });
  }
  await session.settle();
  assert.equal(given.length, 3);
});

test('the same token again is not given to the node', async (t) => {
  const same = token(1.6);
  let asked;
  const again = new Promise((resolve) => (asked = resolve));
  let count = 0;
  const { session } = await connected(t, {
    token: () => {
      if ((count += 1) === 2) asked();
      return same;
    },
  });
  await again;
  assert.deepEqual(await session.settle(), []);
});

test('a token that the node refuses, and one that cannot be had, leave the connection as it is', async (t) => {
  let count = 0;
  const ask = () => {
    if ((count += 1) === 2) throw new Error('the login is down');
    return token(count === 1 ? 1.7 : 60, { n: count });
  };
  const { session, event, switchboard } = await connected(t, { token: ask });
  assert.equal((await event('error')).error.message, 'the login is down');
  const offered = token(60);
  switchboard.renewToken(offered);
  assert.deepEqual(await session.next(), { type: 'token', token: offered });
  session.send({ type: 'error', code: 'wrong_signature', message: 'no', ref: 'token' });
  assert.deepEqual(await event('refused'), { type: 'refused', code: 'wrong_signature', message: 'no', ref: 'token' });
  assert.equal(switchboard.state, 'online');
});

test('a group that is not allowed is not named again', async (t) => {
  const { node, session, event, switchboard } = await connected(t, { groups: ['a'] });
  switchboard.join('b');
  assert.deepEqual(await session.next(), { type: 'join', group: 'b' });
  session.send({ type: 'error', code: 'forbidden', message: 'no', ref: 'b' });
  assert.equal((await event('refused')).code, 'forbidden');
  session.cut();
  assert.deepEqual((await node.greet()).query.getAll('group'), ['a']);
});

test('a message may be called token', async (t) => {
  const { session, switchboard } = await connected(t);
  const sent = switchboard.send(1, { id: 'token' });
  await session.next('message');
  session.send({ type: 'ack', ref: 'token' });
  assert.equal(await sent, 'token');
});

// ------------------------------------------------------------------------------------------------------------ a real node

async function guarded(t, ...more) {
  return RealNode.start(t, '--token-secret', SECRET, ...more);
}

/** The API is guarded, too. */
async function push(node, body) {
  const answer = await fetch(`http://127.0.0.1:${node.port}/v1/push`, {
    method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token(60, { scope: 'push' })}` },
  });
  return answer.json();
}

test('a real node: the connection outlives its tokens', async (t) => {
  const node = await guarded(t);
  let count = 0;
  const pushes = [];
  const { switchboard, events } = client(t, node, {
    token: () => token((count += 1) === 1 ? 1.6 : 60), onPush: ({ data }) => pushes.push(data),
  });
  const { session } = await switchboard.connect();
  // Past the end of the first token.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(count, 2);
  assert.equal((await push(node, { to: { client: 'c' }, data: 1 })).delivered, 1);
  assert.equal(switchboard.state, 'online');
  assert.equal((await events.next()).session, session);
  assert.deepEqual(events.waiting, []);
});

test('a real node: a token that is not renewed ends the connection, and the next one is shown', async (t) => {
  const node = await guarded(t);
  let count = 0;
  const ask = () => {
    if ((count += 1) === 2) throw new Error('not now');
    return token(count === 1 ? 1.5 : 60);
  };
  const { switchboard, event } = client(t, node, { token: ask });
  await switchboard.connect();
  assert.equal((await event('error')).error.message, 'not now');
  assert.equal((await event('disconnected')).code, 4105);
  await event('connected');
  assert.equal(count, 3);
});

for (const [name, options, code, reason] of [
  ['none', {}, 4001, 'missing_credentials'],
  ['a forged one', { token: () => token(60, {}, 'x'.repeat(32)) }, 4001, 'wrong_signature'],
  ['an old one', { token: () => token(-1) }, 4001, 'token_expired'],
  ['one of somebody else', { token: () => token(60, { sub: 'd' }) }, 4002, 'another_client'],
  ['one without the group', { token: () => token(60), groups: ['g'] }, 4002, 'group_not_allowed'],
  ['one without the label', { token: () => token(60, { labels: { a: '1' } }), labels: { a: '2' } }, 4002, 'label_not_allowed'],
]) {
  test(`a real node: who shows ${name} is not let in, and stops`, async (t) => {
    const node = await guarded(t);
    const { switchboard } = client(t, node, options);
    await assert.rejects(switchboard.connect(), (error) => error.closeCode === code && error.message.includes(reason));
    assert.equal(switchboard.state, 'stopped');
  });
}

// --------------------------------------------------------------------------------------------------------------- a browser

test('a browser: only pages of the allowed origins connect, and a token is shown in hello', async (t) => {
  const pages = await fakeNode(t);
  pages.file('/', 'text/html', '<!doctype html><title>switchboard</title>');
  pages.file('/switchboard.js', 'text/javascript', readFileSync(path));
  const browser = await Browser.start();
  t.after(() => browser.stop());
  const open = async (url, token) => {
    const { Switchboard } = await import('/switchboard.js');
    return new Promise((resolve) => {
      const onEvent = (event) => {
        switchboard.close();
        resolve(event.type);
      };
      const switchboard = new Switchboard({ url, token, onEvent });
      switchboard.connect().catch(() => {});
    });
  };
  for (const [origin, expected] of [[`http://${pages.origin}`, 'connected'], ['http://other.example', 'attemptFailed']]) {
    const node = await guarded(t, '--allowed-origins', origin);
    await browser.load(`http://${pages.origin}/`);
    assert.equal(await browser.run(open, node.url, token(60)), expected);
  }
});
