// The module against a real node: in Node, and in a page that imports what the node serves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { client } from './support/client.mjs';
import { Queue } from './support/queue.mjs';
import { RealNode, redis } from './support/real-node.mjs';

async function connected(t, node, options = {}) {
  const pushes = new Queue('a push');
  const made = client(t, node, { clientId: 'kiosk-7', groups: ['shop'], onPush: (push) => pushes.put(push), ...options });
  const hello = await made.switchboard.connect();
  return { ...made, pushes, hello };
}

const forKiosk = (more) => ({ to: { client: 'kiosk-7' }, ...more });

/** What waits for the client, once the condition holds: an ack is on its way. */
async function mailbox(node, holds) {
  const deadline = performance.now() + 5000;
  for (;;) {
    const { status, body } = await node.call('GET', '/v1/clients/kiosk-7/mailbox');
    assert.equal(status, 200);
    if (holds(body)) return body;
    assert.ok(performance.now() < deadline, JSON.stringify(body));
  }
}

test('connects and receives transient pushes', async (t) => {
  const node = await RealNode.start(t, '--node-id', 'n1');
  const { pushes, hello, switchboard } = await connected(t, node, { labels: { role: 'till' } });
  assert.equal(hello.clientId, 'kiosk-7');
  assert.equal(hello.node, 'n1');
  await node.push(forKiosk({ data: { price: 3.2 } }));
  await node.push({ to: { group: 'shop' }, text: 'größer' });
  await node.push({ to: { labels: { role: 'till' } }, base64: 'AP8=' });
  await node.push({ to: { all: true }, data: null });
  const [a, b, c, d] = [await pushes.next(), await pushes.next(), await pushes.next(), await pushes.next()];
  assert.deepEqual([a.channel, a.data], ['client', { price: 3.2 }]);
  assert.deepEqual([b.channel, b.data], ['group:shop', 'größer']);
  assert.deepEqual(c.data, Uint8Array.of(0, 255));
  assert.deepEqual([d.channel, d.data], ['all', null]);
  await switchboard.send({ sold: 1 });  // the node acknowledges
});

test('durable pushes: acknowledged once handled, kept until then', async (t) => {
  const node = await RealNode.start(t);
  const { pushes, switchboard } = await connected(t, node);
  const answer = await node.call('POST', '/v1/push', forKiosk({ data: 1, durable: true }));
  assert.equal(answer.status, 200);
  assert.equal((await pushes.next()).durable, true);
  await mailbox(node, ({ count }) => count === 0);
  await switchboard.close();
  for (const data of [2, 3, 4]) await node.push(forKiosk({ data, offline: 'queue' }));
  assert.equal((await mailbox(node, ({ count }) => count === 3)).count, 3);
  const connecting = switchboard.connect();
  assert.deepEqual([(await pushes.next()).data, (await pushes.next()).data, (await pushes.next()).data], [2, 3, 4]);
  await connecting;
  await mailbox(node, ({ count }) => count === 0);
});

test('a push that is waited for is answered by the ack', async (t) => {
  const node = await RealNode.start(t);
  await connected(t, node);
  for (const more of [{ durable: true }, {}]) {
    const answer = await fetch(`http://127.0.0.1:${node.port}/v1/push`, {
      method: 'POST', headers: { Prefer: 'wait=10' }, body: JSON.stringify(forKiosk({ data: 1, ...more })),
    });
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).acked, 1);
  }
});

test('a history is resumed', async (t) => {
  const node = await RealNode.start(t);
  const { pushes, switchboard, event } = await connected(t, node);
  await node.push({ to: { group: 'shop' }, data: 1, durable: true });
  assert.equal((await pushes.next()).data, 1);
  await switchboard.close();
  for (const data of [2, 3]) await node.push({ to: { group: 'shop' }, data, durable: true });
  switchboard.connect();
  assert.deepEqual([(await pushes.next()).data, (await pushes.next()).data], [2, 3]);
  assert.equal((await event('connected')).recovered, false, 'the first time');
  assert.equal((await event('connected')).recovered, true);
});

test('commands come back to the caller', async (t) => {
  const node = await RealNode.start(t);
  let runs = 0;
  await connected(t, node, {
    commands: {
      add: ({ data }) => {
        runs += 1;
        return { sum: data[0] + data[1] };
      },
      fails: () => { throw new Error('no paper'); },
      log: async ({ output }) => {
        await output('one');
        await output('two');
        return 'done';
      },
    },
  });
  const command = (body) => node.call('POST', '/v1/clients/kiosk-7/commands', body);
  const { status, body } = await command({ name: 'add', data: [2, 3], id: 'c-1' });
  assert.equal(status, 200);
  assert.deepEqual([body.id, body.status, body.data], ['c-1', 200, { sum: 5 }]);
  assert.deepEqual((await command({ name: 'add', data: [2, 3], id: 'c-1' })).body.data, { sum: 5 });
  assert.equal(runs, 1);
  const failed = (await command({ name: 'fails' })).body;
  assert.deepEqual([failed.status, failed.data], [500, { error: 'no paper' }]);
  assert.equal((await command({ name: 'unheard' })).body.status, 404);
  const stream = await fetch(`http://127.0.0.1:${node.port}/v1/clients/kiosk-7/commands`, {
    method: 'POST', headers: { Accept: 'text/event-stream' }, body: JSON.stringify({ name: 'log' }),
  });
  const text = await stream.text();
  assert.match(text, /event: output\s+data: .*"one"[\s\S]*event: output\s+data: .*"two"[\s\S]*event: result\s+data: .*"done"/);
});

test('comes back after the node was killed and started again', async (t) => {
  const node = await RealNode.start(t);
  const { pushes, event } = await connected(t, node);
  await event('connected');
  await node.kill();
  assert.equal((await event('disconnected')).code, 1006);
  await node.again();
  await event('connected');
  await node.push(forKiosk({ data: 'again' }));
  assert.equal((await pushes.next()).data, 'again');
});

test('with Redis, what the client did not acknowledge survives the node, and is not handled twice', async (t) => {
  const node = await RealNode.start(t, '--redis', await redis(t));
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  const began = new Queue('a push');
  const seen = [];
  const { event } = await connected(t, node, {
    onPush: async ({ data }) => {
      began.put(data);
      await opened;
      seen.push(data);
    },
  });
  await event('connected');
  for (const data of [1, 2, 3]) assert.equal((await node.push(forKiosk({ data, durable: true }))).status, 200);
  assert.equal(await began.next(), 1);
  await node.kill();
  await event('disconnected');
  await node.again();
  await event('connected');
  assert.equal((await mailbox(node, ({ count }) => count === 3)).count, 3);
  open();
  await mailbox(node, ({ count }) => count === 0);
  assert.deepEqual(seen, [1, 2, 3]);
});

test('a second client of the same name ends the first', async (t) => {
  const node = await RealNode.start(t);
  const first = await connected(t, node);
  await connected(t, node);
  const { error } = await first.event('stopped');
  assert.equal(error.closeCode, 4003);
});

test('an operator may close a client for good', async (t) => {
  const node = await RealNode.start(t);
  const { event } = await connected(t, node);
  await node.call('DELETE', '/v1/clients/kiosk-7?reason=stolen');
  const { error } = await event('stopped');
  assert.equal(error.closeCode, 4004);
  assert.match(error.message, /stolen/);
});

test("a page imports the node's own module and connects", async (t) => {
  const node = await RealNode.start(t);
  const script = await node.call('GET', '/switchboard.js');
  assert.equal(script.status, 200);
  assert.match(script.headers.get('content-type'), /^text\/javascript/);
  const browser = await Browser.start();
  t.after(() => browser.stop());
  await browser.load(`${node.url.replace('ws', 'http')}/healthz`);
  await browser.run(async () => {
    const { Switchboard } = await import('/switchboard.js');
    let arrived;
    window.push = new Promise((resolve) => (arrived = resolve));
    const switchboard = new Switchboard({
      clientId: 'kiosk-7', onPush: ({ data }) => arrived(data), commands: { title: () => location.pathname },
    });
    await switchboard.connect();
  });
  await node.push(forKiosk({ data: 'hello, page' }));
  assert.equal(await browser.run(() => window.push), 'hello, page');
  const { body } = await node.call('POST', '/v1/clients/kiosk-7/commands', { name: 'title' });
  assert.equal(body.data, '/healthz');
});
