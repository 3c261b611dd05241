import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconnectPolicy, Switchboard, SwitchboardError } from './support/module.mjs';
import { client, connected, fakeNode } from './support/client.mjs';

test('the first frame is a hello, the URL names the client', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node, { clientId: 'kiosk-7', groups: ['shop:berlin', 'a'], labels: { role: 'till +1' }, version: '9' });
  const connecting = switchboard.connect();
  const session = await node.accept();
  assert.equal(session.request.headers['sec-websocket-protocol'], 'switchboard.v1');
  assert.equal(session.request.url, '/ws?clientId=kiosk-7&group=shop%3Aberlin&group=a&label.role=till%20%2B1&hello=1');
  assert.deepEqual(await session.next(), {
    type: 'hello', clientId: 'kiosk-7', labels: { role: 'till +1' }, version: '9',
    resume: { all: '', 'group:shop:berlin': '', 'group:a': '' },
  });
  assert.equal(switchboard.state, 'connecting');
  session.hello({ clientId: 'kiosk-7', node: 'n1', epoch: 3 });
  assert.deepEqual(await connecting, {
    type: 'connected', clientId: 'kiosk-7', session: 's', node: 'n1', epoch: 3, recovered: false,
  });
  assert.equal(switchboard.state, 'online');
});

test('a path and a query of the URL are kept, http means ws', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node, { url: `http://${node.origin}/deep/ws?x=1`, clientId: undefined });
  switchboard.connect();
  const session = await node.greet({ clientId: 'anon-1' });
  assert.equal(session.request.url, '/deep/ws?x=1&hello=1');
  await switchboard.connect();
  assert.equal(switchboard.clientId, 'anon-1');
});

test('what cannot work is refused at once', () => {
  for (const options of [{ url: 'nonsense' }, { url: 'ftp://h' }, {}, { url: 'ws://h', groups: Array.from({ length: 101 }, (_, index) => `g${index}`) }]) {
    assert.throws(() => new Switchboard(options), (error) => error instanceof SwitchboardError && error.code === 'invalid_options');
  }
});

test('a fresh token for each connection, in the hello', async (t) => {
  let count = 0;
  const { node, session, event } = await connected(t, { token: async () => `t${(count += 1)}` });
  assert.equal(session.clientHello.token, 't1');
  session.close(4105, 'token expired');
  await event('disconnected');
  assert.equal((await node.greet()).clientHello.token, 't2');
});

test('a token is renewed without a new connection', async (t) => {
  const { session, switchboard, node } = await connected(t, { token: 'old' });
  switchboard.renewToken('new');
  assert.deepEqual(await session.next(), { type: 'token', token: 'new' });
  session.cut();
  assert.equal((await node.greet()).clientHello.token, 'new');
});

for (const code of [4001, 4002, 4003, 4004, 4006, 4099]) {
  test(`${code} stops with a clear error`, async (t) => {
    const { session, switchboard, events, node } = await connected(t);
    const pending = switchboard.send('never acknowledged');
    await session.next('message');
    session.close(code, 'replaced by n2');
    await assert.rejects(pending, { code: 'closed' });
    await events.next();  // connected
    assert.deepEqual(await events.next(), { type: 'disconnected', code, reason: 'replaced by n2', retryIn: null });
    const { type, error } = await events.next();
    assert.equal(type, 'stopped');
    assert.match(error.message, new RegExp(`for good: replaced by n2 \\(${code}\\)`));
    assert.equal(error.closeCode, code);
    assert.equal(switchboard.state, 'stopped');
    await assert.rejects(switchboard.send(1), { code: 'stopped' });
    assert.equal(node.count, 1);
  });
}

test('a close before hello stops, too, and connect() rejects', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node);
  const connecting = switchboard.connect();
  (await node.accept()).close(4001, 'no token');
  await assert.rejects(connecting, { code: 'closed', closeCode: 4001 });
});

for (const status of [400, 401, 403]) {
  test(`a handshake refused with ${status} stops`, async (t) => {
    const node = await fakeNode(t);
    node.refuse(status, { body: '{"code":"bad_token","detail":"the token is not valid"}' });
    const { switchboard } = client(t, node);
    await assert.rejects(switchboard.connect(), (error) => {
      assert.equal(error.status, status);
      assert.match(error.message, /bad_token: the token is not valid/);
      return true;
    });
    assert.equal(switchboard.state, 'stopped');
  });
}

test('Retry-After is a lower bound', async (t) => {
  const node = await fakeNode(t);
  node.refuse(503, { headers: { 'Retry-After': '7' }, body: 'busy' });
  const { switchboard, event } = client(t, node, { random: () => 0.5 });
  switchboard.connect();
  assert.deepEqual(await event('attemptFailed'), { type: 'attemptFailed', reason: 'Refused (503)', status: 503, retryIn: 7.5 });
  assert.equal(switchboard.state, 'waiting');
});

test('Retry-After may be a date', async (t) => {
  const node = await fakeNode(t);
  node.refuse(503, { headers: { 'Retry-After': new Date(Date.now() + 60_000).toUTCString() } });
  const { switchboard, event } = client(t, node);
  switchboard.connect();
  const { retryIn } = await event('attemptFailed');
  assert.ok(retryIn > 50 && retryIn <= 60, retryIn);
});

test('a refused handshake is tried again', async (t) => {
  const node = await fakeNode(t);
  node.refuse(409);
  node.refuse(502);
  const { switchboard } = client(t, node);
  switchboard.connect();
  await node.greet();
  assert.equal((await switchboard.connect()).type, 'connected');
});

test('a node that is not there is tried again', async (t) => {
  const node = await fakeNode(t);
  const { switchboard, events, event } = client(t, node, { random: () => 0.5 });
  await node.stop();
  switchboard.connect();
  const failed = await event('attemptFailed');
  assert.match(failed.reason, /ECONNREFUSED/);
  assert.equal(failed.retryIn, 0.5);
  assert.equal((await events.next()).retryIn, 1);
});

test("the node's tuning bounds the back-off", async (t) => {
  let chance = 0.001;
  const { node, session, event } = await connected(t, { random: () => chance }, { reconnect: { min: 0.01, max: 0.02 } });
  session.cut();
  assert.equal((await event('disconnected')).retryIn, 0.001 * 5, 'the first retry after a healthy link');
  chance = 0.999;
  await node.stop();
  for (const bound of [0.02, 0.02]) assert.equal((await event('attemptFailed')).retryIn, 0.999 * bound);
});

test('after= of a close reason is a lower bound', async (t) => {
  const { session, event } = await connected(t, { random: () => 0.5 });
  session.close(4100, 'cooling down after=300');
  assert.deepEqual(await event('disconnected'), {
    type: 'disconnected', code: 4100, reason: 'cooling down after=300', retryIn: 302.5,
  });
});

test('42xx without a delay comes back at once', async (t) => {
  const { node, session, event } = await connected(t, { random: () => 0.9 });
  session.close(4201, 'rebalanced');
  assert.equal((await event('disconnected')).retryIn, 0);
  await node.greet();
});

test('goaway: finishes, leaves in time and comes back without more jitter', async (t) => {
  const { node, session, event } = await connected(t, { random: () => 0.9 });
  session.send({ type: 'goaway', reason: 'draining', reconnectAfter: 0.05 });
  assert.deepEqual(await event('goaway'), { type: 'goaway', reason: 'draining', reconnectAfter: 0.05 });
  assert.deepEqual(await session.closed, { code: 1000, reason: 'as told by goaway' });
  assert.equal((await event('disconnected')).retryIn, 0);
  await node.greet();
});

test('goaway: closed earlier, the rest of the time is waited', async (t) => {
  const { session, event } = await connected(t, { random: () => 0.9 });
  session.send({ type: 'goaway', reason: 'draining', reconnectAfter: 60 });
  await event('goaway');
  session.close(4200, 'node draining');
  const { retryIn } = await event('disconnected');
  assert.ok(retryIn > 50 && retryIn <= 60, retryIn);
});

test('the rules of the back-off', () => {
  const policy = new ReconnectPolicy();
  const bounds = Array.from({ length: 7 }, () => policy.delay({ random: 1 }));
  assert.deepEqual(bounds, [1, 2, 4, 8, 16, 30, 30]);
  assert.equal(policy.delay({ lifetime: 59, random: 1 }), 30, 'not stable: no new count');
  assert.equal(policy.delay({ lifetime: 60, random: 1 }), 5, 'stable: the spread of a loss');
  assert.equal(policy.delay({ lifetime: 1, random: 1 }), 2, 'flapping');
  assert.equal(policy.delay({ atLeast: 10, random: 0.5 }), 12);
  assert.equal(policy.delay({ atOnce: true, random: 1 }), 8, 'at once only the first time');
  assert.equal(policy.delay({ lifetime: 61, moment: 3, random: 1 }), 3);
  assert.equal(policy.delay({ moment: 3, random: 1 }), 5, 'its own moment only the first time');
  assert.equal(policy.delay({ lifetime: 61, atOnce: true, random: 1 }), 0);
  assert.equal(policy.delay({ lifetime: 61, atOnce: true, atLeast: 4, random: 0 }), 4);
  assert.equal(policy.delay({ lifetime: 4, moment: 3, random: 1 }), 5, 'sent away at once again: a failure');
  assert.equal(policy.delay({ lifetime: 5, moment: 3, random: 1 }), 3, 'sent on after it had settled: none');
  assert.equal(policy.delay({ lifetime: 5, atOnce: true, random: 1 }), 0);
  assert.equal(policy.delay({ atLeast: 1e9, random: 1 }), 86_400);
});

test('silence longer than interval and timeout is a dead link', async (t) => {
  const { node, event } = await connected(t, {}, { heartbeat: { interval: 0.06, timeout: 0.04 } });
  assert.deepEqual(await event('disconnected'), { type: 'disconnected', code: 1006, reason: 'nothing heard for 0.1 s', retryIn: 0 });
  await node.greet();
});

test('any traffic counts as life', async (t) => {
  const { node, session, switchboard } = await connected(t, {}, { heartbeat: { interval: 0.1, timeout: 0.1 } });
  const start = performance.now();
  while (performance.now() - start < 500) {
    session.frame(9, Buffer.from('p'));  // a ping of RFC 6455, each answered
    await session.pongs.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(switchboard.state, 'online');
  assert.equal(node.count, 1);
});

test('a busy process does not take its own silence for a dead link', async (t) => {
  const { node, session, switchboard } = await connected(t, {}, { heartbeat: { interval: 0.05, timeout: 0.05 } });
  session.send({ type: 'ping' });
  const start = performance.now();
  while (performance.now() - start < 500);
  await session.next('pong');
  assert.equal(switchboard.state, 'online');
  assert.equal(node.count, 1);
});

test('a ping is answered with a pong', async (t) => {
  const { session } = await connected(t);
  session.send({ type: 'ping' });
  await session.next('pong');
});

test('no hello in time: another attempt', async (t) => {
  const node = await fakeNode(t);
  const { switchboard, event } = client(t, node, { helloTimeout: 0.05 });
  switchboard.connect();
  await node.accept();
  assert.equal((await event('disconnected')).reason, 'no hello within 0.05 s');
  await node.greet();
});

test('no answer to the upgrade in time: another attempt', async (t) => {
  const { createServer } = await import('node:net');
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const { switchboard, event } = client(t, { url: `ws://127.0.0.1:${silent.address().port}` }, { connectTimeout: 0.05 });
  switchboard.connect();
  assert.equal((await event('attemptFailed')).reason, 'no connection within 0.05 s');
});

for (const frame of ['nonsense', '[]', 'null', '{}', '{"type":1}', '{"type":"push","id":"p","channel":"client","base64":"***"}']) {
  test(`not a framed message: ${frame}`, async (t) => {
    const { node, session, event } = await connected(t);
    session.send(frame);
    assert.equal((await session.closed).code, 4006);
    assert.match((await event('disconnected')).reason, /not a framed message/);
    await node.greet();
  });
}

test('hello must be the first frame', async (t) => {
  const node = await fakeNode(t);
  const { switchboard, event } = client(t, node);
  switchboard.connect();
  const session = await node.accept();
  session.push('p');
  assert.equal((await event('disconnected')).reason, 'hello must be the first frame');
});

test('types that are not known are ignored', async (t) => {
  const { session } = await connected(t);
  session.send({ type: 'fanfare' });
  assert.deepEqual(await session.settle(), []);
});

test('errors of the node are events', async (t) => {
  const { session, event } = await connected(t);
  session.send({ type: 'error', code: 'too_many_groups', message: 'no', ref: 'g' });
  assert.deepEqual(await event('refused'), { type: 'refused', code: 'too_many_groups', message: 'no', ref: 'g' });
});

test('groups: joined and left now, and named at the next connection', async (t) => {
  const { node, session, switchboard } = await connected(t, { groups: ['a', 'b'] });
  switchboard.join('c');
  switchboard.join('c');
  switchboard.leave('a');
  assert.deepEqual(await session.settle(), [{ type: 'join', group: 'c' }, { type: 'leave', group: 'a' }]);
  session.cut();
  const next = await node.accept();
  assert.deepEqual(next.query.getAll('group'), ['b', 'c']);
  await next.next('hello');
  switchboard.join('d');
  switchboard.leave('b');
  next.hello();
  assert.deepEqual([await next.next(), await next.next()], [{ type: 'join', group: 'd' }, { type: 'leave', group: 'b' }]);
});

test('the newest health is told again after a reconnect', async (t) => {
  const { node, session, switchboard } = await connected(t);
  switchboard.health({ load: 1 });
  switchboard.health({ load: 2 });
  assert.deepEqual((await session.settle()).map((frame) => frame.data), [{ load: 1 }, { load: 2 }]);
  session.cut();
  const next = await node.greet();
  assert.deepEqual(await next.next(), { type: 'health', data: { load: 2 } });
  assert.throws(() => switchboard.health([1]), { code: 'invalid_payload' });
  assert.throws(() => switchboard.health({ text: 'x'.repeat(4096) }), { code: 'too_large' });
});

test('close() says goodbye, and connect() may follow', async (t) => {
  const { node, session, switchboard } = await connected(t);
  await switchboard.close();
  assert.deepEqual(await session.closed, { code: 1000, reason: '' });
  assert.equal(switchboard.state, 'stopped');
  const again = switchboard.connect();
  await node.greet();
  await again;
  assert.equal(switchboard.state, 'online');
});

test('close() while connecting and while waiting ends the attempts', async (t) => {
  const node = await fakeNode(t);
  const first = client(t, node);
  const connecting = first.switchboard.connect();
  await node.accept();
  await first.switchboard.close();
  await assert.rejects(connecting, { code: 'stopped' });
  const second = client(t, node, { random: () => 0.9 });
  second.switchboard.connect();
  (await node.accept()).cut();
  await second.event('disconnected');
  await second.switchboard.close();
  assert.equal(second.switchboard.state, 'stopped');
});

test('a handler of events that throws harms nothing', async (t) => {
  const errors = t.mock.method(console, 'error', () => {});
  const { session } = await connected(t, { onEvent: () => { throw new Error('mine'); } });
  assert.deepEqual(await session.settle(), []);
  assert.equal(errors.mock.callCount(), 1);
});
