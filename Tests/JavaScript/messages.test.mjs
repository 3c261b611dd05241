import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, connected, fakeNode } from './support/client.mjs';

test('send() is fulfilled by the ack', async (t) => {
  const { session, switchboard } = await connected(t);
  const sent = switchboard.send({ sold: ['espresso'] }, { id: 'm1' });
  assert.deepEqual(await session.next(), { type: 'message', id: 'm1', data: { sold: ['espresso'] } });
  session.send({ type: 'ack', ref: 'm1' });
  assert.equal(await sent, 'm1');
});

test('every message gets an id of its own', async (t) => {
  const { session, switchboard } = await connected(t);
  const sent = [switchboard.send(1), switchboard.send(2)];
  const ids = [(await session.next()).id, (await session.next()).id];
  for (const id of ids) session.send({ type: 'ack', ref: id });
  assert.deepEqual(await Promise.all(sent), ids);
  assert.notEqual(ids[0], ids[1]);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9._:@-]{1,128}$/);
});

test('bytes travel as base64', async (t) => {
  const { session, switchboard } = await connected(t);
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index);
  for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer, 2, 3)]) switchboard.send(data).catch(() => {});
  for (const expected of [bytes, bytes, bytes.slice(2, 5)]) {
    assert.deepEqual(Uint8Array.from(Buffer.from((await session.next()).base64, 'base64')), expected);
  }
});

test('a message waits for the link, and is sent again with the same id until it is acknowledged', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node);
  const first = switchboard.send('a', { id: 'm1' });
  const second = switchboard.send('b', { id: 'm2' });
  switchboard.connect();
  const session = await node.greet();
  assert.deepEqual([(await session.next()).id, (await session.next()).id], ['m1', 'm2']);
  session.send({ type: 'ack', ref: 'm2' });
  assert.equal(await second, 'm2');
  session.cut();
  const next = await node.greet();
  assert.deepEqual(await next.settle(), [{ type: 'message', id: 'm1', data: 'a' }]);
  next.send({ type: 'ack', ref: 'm1' });
  assert.equal(await first, 'm1');
});

test('an error of the node rejects the message', async (t) => {
  const { session, switchboard } = await connected(t);
  const sent = switchboard.send(1, { id: 'm1' });
  await session.next();
  session.send({ type: 'error', code: 'bus_unavailable', message: 'Redis is away', ref: 'm1' });
  await assert.rejects(sent, { code: 'bus_unavailable', message: /Redis is away/ });
});

test('the time to wait is over all reconnects, and a message given up is not sent again', async (t) => {
  const { node, session, switchboard } = await connected(t);
  const sent = switchboard.send(1, { timeout: 0.05 });
  await session.next();
  await assert.rejects(sent, { code: 'timeout' });
  session.cut();
  const next = await node.greet();
  assert.deepEqual(await next.settle(), []);
});

test('what cannot be sent is rejected at once', async (t) => {
  const { session, switchboard } = await connected(t);
  await assert.rejects(switchboard.send('x'.repeat(65_536)), { code: 'too_large' });
  await assert.rejects(switchboard.send('€'.repeat(22_000)), { code: 'too_large' });
  await assert.rejects(switchboard.send(undefined), { code: 'invalid_payload' });
  await assert.rejects(switchboard.send(1n), { code: 'invalid_payload' });
  switchboard.send(1, { id: 'm1' }).catch(() => {});
  await assert.rejects(switchboard.send(2, { id: 'm1' }), { code: 'duplicate_id' });
  assert.deepEqual(await session.settle(), [{ type: 'message', id: 'm1', data: 1 }]);
});

test('the outbox is bounded by messages and by bytes', async (t) => {
  const node = await fakeNode(t);
  const many = client(t, node).switchboard;
  for (let index = 0; index < 256; index += 1) many.send(index).catch(() => {});
  await assert.rejects(many.send('one more'), { code: 'outbox_full' });
  const large = client(t, node).switchboard;
  for (let index = 0; index < 17; index += 1) large.send('x'.repeat(60_000)).catch(() => {});
  await assert.rejects(large.send('x'.repeat(60_000)), { code: 'outbox_full' });
});

test('no more leave at once than the node takes', async (t) => {
  const { session, switchboard } = await connected(t, { messageRate: 100, messageBurst: 5 });
  const start = performance.now();
  for (let index = 0; index < 10; index += 1) switchboard.send(index).catch(() => {});
  assert.equal((await session.settle()).length, 5);
  for (let index = 5; index < 10; index += 1) assert.equal((await session.next('message')).data, index);
  assert.ok(performance.now() - start >= 49, 'five more take 50 ms at 100 a second');
});

test('what the node finds too big is given up, so that links do not end for ever', async (t) => {
  const { node, session, switchboard } = await connected(t);
  const small = switchboard.send('small', { id: 'm1' });
  const large = switchboard.send('large'.repeat(100), { id: 'm2' });
  await session.next();
  await session.next();
  session.close(1009, 'message too big');
  await assert.rejects(large, { code: 'too_large' });
  const next = await node.greet();
  assert.equal((await next.next()).id, 'm1');
  next.send({ type: 'ack', ref: 'm1' });
  await small;
});
