import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connected, gate } from './support/client.mjs';
import { Queue } from './support/queue.mjs';

/** Acks by offset until the wanted one; fails when they do not rise. */
async function acksUntil(session, wanted) {
  const offsets = [];
  for (;;) {
    const { offset } = await session.next('ack');
    offsets.push(offset);
    if (offset === wanted) return offsets;
  }
}

test('a push is handed over as it was sent', async (t) => {
  const pushes = new Queue('a push');
  const { session } = await connected(t, { onPush: (push) => pushes.put(push) });
  session.push('p1', { data: { price: 3.2 } });
  session.push('p2', { channel: 'group:a', data: undefined, base64: 'AP8=' });
  session.push('p3', { channel: 'all', data: null, offset: 'E:1-0' });
  assert.deepEqual(await pushes.next(), { id: 'p1', channel: 'client', data: { price: 3.2 }, durable: false });
  assert.deepEqual(await pushes.next(), { id: 'p2', channel: 'group:a', data: Uint8Array.of(0, 255), durable: false });
  assert.deepEqual(await pushes.next(), { id: 'p3', channel: 'all', data: null, durable: true });
});

test('a push tells where in a trace it belongs', async (t) => {
  const pushes = new Queue('a push');
  const { session } = await connected(t, { onPush: (push) => pushes.put(push) });
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  session.push('p1', { data: 1, traceparent, tracestate: 'a=1' });
  session.push('p2', { data: 1, traceparent });
  assert.deepEqual(await pushes.next(), { id: 'p1', channel: 'client', data: 1, durable: false, traceparent, tracestate: 'a=1' });
  assert.deepEqual(await pushes.next(), { id: 'p2', channel: 'client', data: 1, durable: false, traceparent });
});

test('an ack leaves after the asynchronous handler has returned', async (t) => {
  const { open, opened } = gate();
  const { session } = await connected(t, { onPush: () => opened });
  session.push('p1', { offset: '1-0' });
  assert.deepEqual(await session.settle(), [], 'nothing but the pong while the handler runs');
  open();
  assert.deepEqual(await session.next(), { type: 'ack', offset: '1-0' });
});

test('handlers run one after the other, in order', async (t) => {
  const gates = [gate(), gate()];
  const began = new Queue('a handler');
  const { session } = await connected(t, {
    onPush: ({ id }) => {
      began.put(id);
      return gates.shift()?.opened;
    },
  });
  const [first, second] = gates;
  for (const id of ['p1', 'p2', 'p3']) session.push(id, { offset: `${id}-0` });
  assert.equal(await began.next(), 'p1');
  second.open();
  await session.settle();
  assert.deepEqual(began.waiting, []);
  first.open();
  assert.equal(await began.next(), 'p2');
  assert.equal(await began.next(), 'p3');
  assert.equal((await acksUntil(session, 'p3-0')).at(-1), 'p3-0');
});

test('acks are cumulative and few', async (t) => {
  const { session } = await connected(t, { onPush: () => {} });
  for (let index = 1; index <= 1000; index += 1) session.push(`p${index}`, { offset: `${index}-0` });
  const offsets = (await acksUntil(session, '1000-0')).map((offset) => parseInt(offset, 10));
  assert.deepEqual(offsets, [...offsets].sort((a, b) => a - b));
  // At most one for 64 pushes, and one for each 50 ms; a second is far more than this takes.
  assert.ok(offsets.length <= 1000 / 64 + 20, `${offsets.length} acks`);
});

test('pushes of histories are not acknowledged by offset', async (t) => {
  const pushes = new Queue('a push');
  const { session } = await connected(t, { groups: ['g'], onPush: (push) => pushes.put(push) });
  session.push('p1', { channel: 'group:g', offset: 'E:1-0' });
  await pushes.next();
  assert.deepEqual(await session.settle(), []);
});

test('a push that asks for it is acknowledged by its id, after the handler', async (t) => {
  const { open, opened } = gate();
  const { session } = await connected(t, { onPush: () => opened });
  session.push('p1', { channel: 'all', ack: true });
  assert.deepEqual(await session.settle(), []);
  open();
  assert.deepEqual(await session.next(), { type: 'ack', id: 'p1' });
});

test('a client without a handler acknowledges, too', async (t) => {
  const { session } = await connected(t);
  session.push('p1', { offset: '1-0' });
  assert.deepEqual(await session.next(), { type: 'ack', offset: '1-0' });
});

test('a repeated push is dropped and acknowledged', async (t) => {
  const seen = [];
  const { node, session } = await connected(t, { onPush: ({ id }) => seen.push(id) });
  session.push('p1', { offset: '1-0' });
  await session.next('ack');
  session.cut();
  const next = await node.greet();
  next.push('p1', { offset: '1-0' });
  next.push('p1', { offset: '1-0', ack: true });
  next.push('p2', { offset: '2-0' });
  const acks = [];
  while (acks.at(-1)?.offset !== '2-0') acks.push(await next.next('ack'));
  assert.ok(acks.some(({ id }) => id === 'p1'));
  assert.equal(acks.at(-1).offset, '2-0');
  assert.deepEqual(seen, ['p1', 'p2']);
});

test('a push that comes again while its handler runs is acknowledged on the new link', async (t) => {
  const { open, opened } = gate();
  const seen = [];
  const { node, session } = await connected(t, {
    onPush: ({ id }) => {
      seen.push(id);
      return opened;
    },
  });
  session.push('t', { ack: true });
  session.push('p1', { offset: '1-0' });
  session.push('p2', { offset: '2-0' });
  await session.settle();
  session.cut();
  const next = await node.greet();
  next.push('t', { ack: true });
  next.push('p1', { offset: '1-0' });
  next.push('p2', { offset: '2-0' });
  next.push('p3', { offset: '3-0' });
  assert.deepEqual(await next.settle(), []);
  open();
  const acks = [];
  while (acks.at(-1)?.offset !== '3-0') acks.push(await next.next('ack'));
  assert.ok(acks.some(({ id }) => id === 't'));
  assert.deepEqual(seen, ['t', 'p1', 'p2', 'p3']);
});

test('an ack that found no link leaves with the next one', async (t) => {
  const { open, opened } = gate();
  const handled = new Queue('a handled push');
  const { node, session, event } = await connected(t, { onPush: () => opened.then(() => handled.put(1)) });
  session.push('p1', { offset: '1-0' });
  await session.settle();
  session.cut();
  await event('disconnected');
  const again = node.accept();
  open();
  await handled.next();
  const next = await again;
  await next.next('hello');
  next.hello();
  assert.deepEqual(await next.next(), { type: 'ack', offset: '1-0' });
});

test('an ack by id is for the link that asked', async (t) => {
  const { open, opened } = gate();
  const { node, session, event } = await connected(t, { onPush: () => opened });
  session.push('p1', { channel: 'all', ack: true });
  await session.settle();
  session.cut();
  await event('disconnected');
  const next = await node.greet();
  await next.settle();
  open();
  next.push('p2', { channel: 'all', ack: true });
  assert.deepEqual(await next.next(), { type: 'ack', id: 'p2' });
});

test('what was handled is acknowledged before close() says goodbye', async (t) => {
  const handled = new Queue('a push');
  const { session, switchboard } = await connected(t, { onPush: ({ id }) => handled.put(id) });
  session.push('p1', { offset: '1-0' });
  await session.next('ack');
  session.push('p2', { offset: '2-0' });
  while ((await handled.next()) !== 'p2');
  await new Promise(setImmediate);  // the handler has returned
  await switchboard.close();
  assert.deepEqual(await session.next(), { type: 'ack', offset: '2-0' });
  assert.equal((await session.closed).code, 1000);
});

test('an offset is not told to the mailbox of another client', async (t) => {
  const { open, opened } = gate();
  const { node, session, event } = await connected(t, { clientId: undefined, onPush: () => opened }, { clientId: 'anon-1' });
  session.push('p1', { offset: '1-0' });
  await session.settle();
  session.cut();
  await event('disconnected');
  const next = await node.accept();
  await next.next('hello');
  open();
  await new Promise(setImmediate);
  next.hello({ clientId: 'anon-2' });
  assert.deepEqual(await next.settle(), []);
});

test('a handler that throws: the push counts as received, an event says so', async (t) => {
  const failure = new Error('mine');
  const { session, event } = await connected(t, { onPush: async () => { throw failure; } });
  session.push('p1', { offset: '1-0' });
  const { error, push } = await event('error');
  assert.equal(error, failure);
  assert.equal(push.id, 'p1');
  assert.deepEqual(await session.next(), { type: 'ack', offset: '1-0' });
});

test('resume names the newest offset of each channel', async (t) => {
  const { node, session } = await connected(t, { groups: ['g', 'h'] }, {
    channels: { all: { recovered: true, offset: 'E:5-0' }, 'group:g': { recovered: true, offset: '' } },
  });
  session.push('p1', { channel: 'group:g', offset: 'E:7-0' });
  session.push('p2', { channel: 'group:g', offset: 'E:8-0' });
  session.push('p3', { channel: 'client', offset: '9-0' });
  await session.next('ack');
  session.cut();
  const next = await node.greet();
  assert.deepEqual(next.clientHello.resume, { all: 'E:5-0', 'group:g': 'E:8-0', 'group:h': '' });
});

test('what a recovered channel missed is not skipped when the link breaks again', async (t) => {
  const { node, session } = await connected(t, {}, { channels: { all: { recovered: true, offset: 'E:5-0' } } });
  session.cut();
  const second = await node.greet({ recovered: true, channels: { all: { recovered: true, offset: 'E:9-0' } } });
  await second.settle();
  second.cut();
  const third = await node.greet({ recovered: true, channels: { all: { recovered: true, offset: 'E:9-0' } } });
  assert.equal(third.clientHello.resume.all, 'E:5-0');
  third.push('p6', { channel: 'all', offset: 'E:6-0' });
  await third.settle();
  third.cut();
  assert.equal((await node.greet()).clientHello.resume.all, 'E:6-0');
});

test('a channel that was not recovered is told as missed, in the order of the pushes', async (t) => {
  const { open, opened } = gate();
  const order = new Queue('something told');
  const { node, session } = await connected(t, {
    onPush: async ({ id }) => {
      await opened;
      order.put(id);
    },
    onEvent: (event) => event.type === 'missed' && order.put(event),
  }, { channels: { all: { recovered: true, offset: 'E:5-0' } } });
  session.push('before', { channel: 'all', offset: 'E:6-0' });
  await session.settle();
  session.cut();
  const next = await node.greet({ channels: { all: { recovered: false, offset: 'F:9-0' } } });
  assert.equal(next.clientHello.resume.all, 'E:6-0');
  next.push('after', { channel: 'all', offset: 'F:10-0' });
  await next.settle();
  open();
  assert.equal(await order.next(), 'before');
  assert.deepEqual(await order.next(), { type: 'missed', channel: 'all' });
  assert.equal(await order.next(), 'after');
  next.cut();
  assert.equal((await node.greet()).clientHello.resume.all, 'F:10-0');
});

test('a hole without an offset leaves the old one, and one told while connected counts', async (t) => {
  const told = new Queue('something told');
  const { session, node } = await connected(t, {
    onEvent: (event) => event.type === 'missed' && told.put(event.channel),
  }, { channels: { all: { recovered: true, offset: 'E:5-0' } } });
  session.cut();
  const second = await node.greet({ channels: { all: { recovered: false, offset: '' } } });
  assert.equal(await told.next(), 'all');
  second.cut();
  const third = await node.greet({ recovered: true, channels: { all: { recovered: true, offset: 'E:5-0' } } });
  assert.equal(third.clientHello.resume.all, 'E:5-0');
  third.hello({ channels: { all: { recovered: false, offset: 'F:9-0' } } });
  assert.equal(await told.next(), 'all');
  third.cut();
  assert.equal((await node.greet()).clientHello.resume.all, 'F:9-0');
});

test('a group that was left is not resumed', async (t) => {
  const { node, session, switchboard } = await connected(t, { groups: ['g'] });
  session.push('p1', { channel: 'group:g', offset: 'E:1-0' });
  await session.settle();
  switchboard.leave('g');
  switchboard.join('g');
  await session.settle();
  session.cut();
  const next = await node.greet();
  assert.deepEqual(next.clientHello.resume, { all: '', 'group:g': '' });
  await switchboard.close();
  switchboard.connect();
  assert.deepEqual((await node.greet()).clientHello.resume, { all: '', 'group:g': '' });
});

test('heartbeats do not wait behind a handler', async (t) => {
  const { session } = await connected(t, { onPush: () => new Promise(() => {}) });
  session.push('p1', { offset: '1-0' });
  session.send({ type: 'ping' });
  await session.next('pong');
});

test('heartbeats do not wait behind many handlers that never wait', async (t) => {
  let count = 0;
  const { session } = await connected(t, {
    onPush: () => {
      const start = performance.now();
      while (performance.now() - start < 1);
      count += 1;
    },
  });
  for (let index = 0; index < 900; index += 1) session.push(`p${index}`);
  session.send({ type: 'ping' });
  await session.next('pong');
  assert.ok(count < 800, `the pong came after ${count} of 900 pushes`);
});

for (const [what, limits] of [['pushes', { maxWaiting: 4 }], ['bytes', { maxWaitingBytes: 400 }]]) {
  test(`too many waiting ${what}: the link is given up, and none is lost or taken twice`, async (t) => {
    const { open, opened } = gate();
    const seen = [];
    const { node, session, event, switchboard } = await connected(t, {
      ...limits,
      onPush: async ({ id }) => {
        await opened;
        seen.push(id);
      },
    });
    const ids = Array.from({ length: 8 }, (_, index) => `p${index}`);
    for (const id of ids) session.push(id, { offset: `${id}-0`, data: 'x'.repeat(40) });
    assert.deepEqual(await session.closed, { code: 4101, reason: 'the handler of pushes is too slow' });
    assert.equal((await event('disconnected')).code, 4101);
    // A timer set now is called after the one of the retry.
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(switchboard.state, 'waiting', 'not before there is room');
    open();
    // Whatever was not acknowledged comes again, as a mailbox does it.
    for (let round = 0; seen.length < ids.length; round += 1) {
      assert.ok(round < 10);
      const next = await node.greet();
      for (const id of ids) next.push(id, { offset: `${id}-0`, data: 'x'.repeat(40) });
      if (await Promise.race([acksUntil(next, 'p7-0').catch(() => {}), next.closed.then(() => null)])) break;
    }
    assert.deepEqual(seen, ids);
  });
}

test('a single push larger than the limit still goes through', async (t) => {
  const { session } = await connected(t, { maxWaitingBytes: 100 });
  session.push('p1', { offset: '1-0', data: 'x'.repeat(1000) });
  assert.deepEqual(await session.next(), { type: 'ack', offset: '1-0' });
});

test('what waits is dropped by close(), and asked for again', async (t) => {
  const { open, opened } = gate();
  const seen = new Queue('a push');
  const { node, session, switchboard } = await connected(t, {
    onPush: ({ id }) => {
      seen.put(id);
      return opened;
    },
  });
  session.push('h1', { channel: 'all', offset: 'E:1-0' });
  session.push('h2', { channel: 'all', offset: 'E:2-0' });
  await session.settle();
  await switchboard.close();
  const connecting = switchboard.connect();
  const next = await node.greet();
  await connecting;
  assert.equal(next.clientHello.resume.all, '');
  open();
  next.push('h1', { channel: 'all', offset: 'E:1-0' });
  next.push('h2', { channel: 'all', offset: 'E:2-0' });
  assert.deepEqual([await seen.next(), await seen.next()], ['h1', 'h2']);
  await next.settle();
  assert.deepEqual(seen.waiting, []);
});
