// The WebSocket client that the module brings along for a Node without one: RFC 6455, seen from the other end of the wire.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, connected, fakeNode } from './support/client.mjs';
import { frameBytes } from './support/fake-node.mjs';
import { Queue } from './support/queue.mjs';

const push = (id, data = id) => Buffer.from(JSON.stringify({ type: 'push', id, channel: 'client', data }));

async function receiving(t, options = {}) {
  const pushes = new Queue('a push');
  return { ...(await connected(t, { onPush: (push) => pushes.put(push), ...options })), pushes };
}

test('frames may come byte by byte', async (t) => {
  const { session, pushes } = await receiving(t);
  for (const byte of frameBytes(1, push('p1', 'x'.repeat(300)))) {
    session.bytes(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  assert.equal((await pushes.next()).data.length, 300);
});

test('many frames may come at once, the first with the answer to the upgrade', async (t) => {
  const node = await fakeNode(t);
  const pushes = new Queue('a push');
  const { switchboard } = client(t, node, { onPush: (push) => pushes.put(push) });
  switchboard.connect();
  const session = await node.accept();
  session.hello();
  for (let index = 0; index < 100; index += 1) session.push(`p${index}`);
  for (let index = 0; index < 100; index += 1) assert.equal((await pushes.next()).id, `p${index}`);
});

test('fragments are put together, with control frames between them', async (t) => {
  const { session, pushes } = await receiving(t);
  const text = push('p1', 'größer 😀');
  session.frame(1, text.subarray(0, 40), { isFinal: false });
  session.frame(9, Buffer.from('between'));
  for (let index = 40; index < text.length; index += 1) session.frame(0, text.subarray(index, index + 1), { isFinal: false });
  session.frame(0, Buffer.alloc(0), { isFinal: false });
  session.frame(0, Buffer.alloc(0));
  assert.equal((await pushes.next()).data, 'größer 😀');
  assert.equal((await session.pongs.next()).toString(), 'between');
});

for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 200_000]) {
  test(`a payload of ${length} bytes in both directions`, async (t) => {
    const { session, pushes, switchboard } = await receiving(t, { maxOutgoingBytes: 1 << 20 });
    session.push('p1', { data: 'x'.repeat(length) });
    assert.equal((await pushes.next()).data.length, length);
    switchboard.send('y'.repeat(length)).catch(() => {});
    assert.equal((await session.next()).data.length, length);
  });
}

const violations = {
  'a masked frame': [1002, Buffer.from([0x81, 0x82, 0, 0, 0, 0, 65, 65])],
  'a reserved bit': [1002, Buffer.from([0xc1, 0])],
  'a reserved data opcode': [1002, Buffer.from([0x83, 0])],
  'a reserved control opcode': [1002, Buffer.from([0x8b, 0])],
  'a fragmented ping': [1002, Buffer.from([0x09, 0])],
  'a ping of 126 bytes': [1002, frameBytes(9, Buffer.alloc(126))],
  'a continuation of nothing': [1002, frameBytes(0, Buffer.from('x'))],
  'a new message within fragments': [1002, Buffer.concat([frameBytes(1, Buffer.from('x'), false), frameBytes(1, Buffer.from('y'))])],
  'text that is not UTF-8': [1007, frameBytes(1, Buffer.from([0xc3, 0x28]))],
  'a close frame of one byte': [1002, frameBytes(8, Buffer.from([3]))],
  'a close code that must not be sent': [1002, frameBytes(8, Buffer.from([1006 >> 8, 1006 & 255]))],
  'a close reason that is not UTF-8': [1007, frameBytes(8, Buffer.from([3, 232, 0xff]))],
  'a length of 2^63': [1009, Buffer.from([0x81, 127, 128, 0, 0, 0, 0, 0, 0, 0])],
  'a message over the limit': [1009, Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 64, 0, 1])],
  'a binary message': [4006, frameBytes(2, Buffer.from('{}'))],
};
for (const [what, [code, bytes]] of Object.entries(violations)) {
  test(`${what} ends the link with ${code}`, async (t) => {
    const { node, session, event, pushes } = await receiving(t);
    session.bytes(Buffer.concat([frameBytes(1, push('before')), bytes, frameBytes(1, push('after'))]));
    assert.equal((await session.closed).code, code);
    assert.equal((await event('disconnected')).code, code);
    await node.greet();
    assert.equal((await pushes.next()).id, 'before');
    assert.deepEqual(pushes.waiting, []);
  });
}

test('fragments together must keep the limit', async (t) => {
  const { session, event } = await receiving(t, { maxMessageBytes: 1000 });
  session.frame(1, Buffer.alloc(600, ' '), { isFinal: false });
  session.frame(0, Buffer.alloc(600, ' '));
  assert.equal((await session.closed).code, 1009);
  assert.equal((await event('disconnected')).code, 1009);
});

const answers = {
  'a wrong accept': { 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' },
  'another upgrade': { Upgrade: 'h2c' },
  'no subprotocol': { 'Sec-WebSocket-Protocol': null },
  'another subprotocol': { 'Sec-WebSocket-Protocol': 'chat' },
  'an extension that was not offered': { 'Sec-WebSocket-Extensions': 'permessage-deflate' },
};
for (const [what, headers] of Object.entries(answers)) {
  test(`an answer to the upgrade with ${what} fails the attempt`, async (t) => {
    const node = await fakeNode(t);
    node.refuse(101, { headers });
    const { switchboard, event } = client(t, node);
    switchboard.connect();
    assert.match((await event('attemptFailed')).reason, /not a WebSocket's|does not speak|not offered/);
  });
}

test('a connection that ends without a close frame is 1006', async (t) => {
  const { session, event } = await receiving(t);
  session.cut();
  assert.deepEqual(await event('disconnected'), { type: 'disconnected', code: 1006, reason: 'the connection was lost', retryIn: 0 });
});

test('a close frame without a code is 1005', async (t) => {
  const { session, event } = await receiving(t);
  session.frame(8, Buffer.alloc(0));
  assert.equal((await session.closed).code, 1005);
  assert.equal((await event('disconnected')).code, 1005);
});

test('a large refusal is not read to its end', async (t) => {
  const node = await fakeNode(t);
  node.refuse(500, { headers: { 'Content-Length': 1e9 }, body: 'x'.repeat(1e6) });
  const { switchboard, event } = client(t, node);
  switchboard.connect();
  assert.equal((await event('attemptFailed')).status, 500);
});
