import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, connected, fakeNode, gate } from './support/client.mjs';
import { Queue } from './support/queue.mjs';
import { RealNode } from './support/real-node.mjs';

test('publish() is fulfilled by the ack, and rejected when the client may not', async (t) => {
  const { session, switchboard } = await connected(t);
  const published = switchboard.publish('chat:1', { text: 'hello' }, { id: 'm1', durable: true });
  assert.deepEqual(await session.next(), { type: 'publish', group: 'chat:1', durable: true, id: 'm1', data: { text: 'hello' } });
  session.send({ type: 'ack', ref: 'm1' });
  assert.equal(await published, 'm1');
  const refused = switchboard.publish('shop', 1);
  const frame = await session.next();
  assert.deepEqual({ ...frame, id: 'x' }, { type: 'publish', group: 'shop', id: 'x', data: 1 });
  session.send({ type: 'error', code: 'publish_forbidden', message: 'no', ref: frame.id });
  await assert.rejects(refused, { code: 'publish_forbidden' });
});

test('what was published and not acknowledged is sent again with the same id', async (t) => {
  const { node, session, switchboard } = await connected(t);
  const published = switchboard.publish('chat:1', 1, { id: 'm1' });
  await session.next();
  session.cut();
  const next = await node.greet();
  assert.deepEqual(await next.next(), { type: 'publish', group: 'chat:1', id: 'm1', data: 1 });
  next.send({ type: 'ack', ref: 'm1' });
  await published;
});

test('a push of another client says who it is from', async (t) => {
  const pushes = new Queue('a push');
  const { session } = await connected(t, { onPush: (push) => pushes.put(push) });
  session.push('p1', { channel: 'group:chat:1', from: 'anna', data: 1 });
  assert.deepEqual(await pushes.next(), { id: 'p1', channel: 'group:chat:1', data: 1, durable: false, from: 'anna' });
});

test('join() asks for the history once; after a reconnect the client goes on where it was', async (t) => {
  const pushes = new Queue('a push');
  const { node, session, switchboard } = await connected(t, { onPush: (push) => pushes.put(push) });
  switchboard.join('chat:1', { history: 50, watch: true });
  assert.deepEqual(await session.next(), { type: 'join', group: 'chat:1', history: 50, watch: true });
  switchboard.join('chat:1', { history: 50, watch: true });
  session.push('p1', { channel: 'group:chat:1', data: 1, offset: 'E:1-0' });
  await pushes.next();
  assert.deepEqual(await session.settle(), []);
  session.cut();
  const next = await node.greet();
  assert.equal(next.clientHello.resume['group:chat:1'], 'E:1-0');
  assert.deepEqual(await next.next(), { type: 'join', group: 'chat:1', watch: true });
});

test('a group whose history is still to come is not named before', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node, { groups: ['shop'] });
  switchboard.join('chat:1', { history: 1000 });
  switchboard.connect();
  const session = await node.greet();
  assert.deepEqual(Object.keys(session.clientHello.resume).sort(), ['all', 'group:shop']);
  assert.deepEqual(await session.next(), { type: 'join', group: 'chat:1', history: 300 });
});

test('members, presence and missed are events, in one order with the pushes', async (t) => {
  const { open, opened } = gate();
  const { session, events, event } = await connected(t, { onPush: () => opened });
  await event('connected');
  session.push('p1', { channel: 'group:g', data: 1 });
  const told = [
    { type: 'members', group: 'g', clients: [{ clientId: 'a', labels: {} }], complete: true },
    { type: 'presence', group: 'g', joined: [], left: ['a'] },
    { type: 'missed', channel: 'group:g', count: 3 },
  ];
  for (const frame of told) session.send(frame);
  await session.settle();
  assert.deepEqual(events.waiting, []);
  open();
  for (const frame of told) assert.deepEqual(await events.next(), frame);
});

test('a slow page may ask to be skipped rather than closed', async (t) => {
  const { session } = await connected(t, { slow: 'skip' });
  assert.equal(session.clientHello.slow, 'skip');
  const other = await connected(t);
  assert.equal(other.session.clientHello.slow, undefined);
});

test('two clients chat over a real node', async (t) => {
  const node = await RealNode.start(t, '--publish-groups', 'chat:*');
  const made = ['anna', 'ben'].map((clientId) => {
    const pushes = new Queue('a push');
    return { pushes, ...client(t, node, { clientId, onPush: (push) => pushes.put(push) }) };
  });
  const [anna, ben] = made;
  for (const { switchboard } of made) await switchboard.connect();
  anna.switchboard.join('chat:1', { watch: true });
  const members = await anna.event('members');
  assert.deepEqual(members.clients, [{ clientId: 'anna', labels: {} }]);
  await anna.switchboard.publish('chat:1', 'first', { durable: true });
  assert.equal((await anna.pushes.next()).from, 'anna');
  ben.switchboard.join('chat:1', { history: 10 });
  const first = await ben.pushes.next();
  assert.deepEqual([first.data, first.from, first.durable], ['first', 'anna', true]);
  assert.deepEqual((await anna.event('presence')).joined, [{ clientId: 'ben', labels: {} }]);
  await ben.switchboard.publish('chat:1', { text: 'second' });
  const second = await anna.pushes.next();
  assert.deepEqual([second.data, second.from], [{ text: 'second' }, 'ben']);
  await assert.rejects(ben.switchboard.publish('shop', 1), { code: 'publish_forbidden' });
  await ben.switchboard.close();
  assert.deepEqual((await anna.event('presence')).left, ['ben']);
});
