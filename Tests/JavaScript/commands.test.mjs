import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandResult } from './support/module.mjs';
import { connected, gate } from './support/client.mjs';
import { Queue } from './support/queue.mjs';

const command = (id, name, more = {}) => ({ type: 'command', id, name, timeout: 30, data: null, ...more });

test('a command is answered with what its handler returns', async (t) => {
  const { session } = await connected(t, { commands: { add: ({ data }) => ({ sum: data[0] + data[1] }) } });
  session.send(command('c1', 'add', { data: [2, 3] }));
  assert.deepEqual(await session.next(), { type: 'result', id: 'c1', status: 200, data: { sum: 5 } });
});

test('the kinds of answers', async (t) => {
  const { session } = await connected(t, {
    commands: {
      nothing: () => {},
      bytes: ({ data }) => data,
      status: () => new CommandResult(202, 'later'),
      fails: () => { throw new Error('no paper'); },
      refuses: () => { throw Object.assign(new Error('not now'), { status: 409 }); },
      circular: () => { const loop = {}; loop.loop = loop; return loop; },
      large: () => 'x'.repeat(70_000),
    },
  });
  const answer = async (name, more) => {
    session.send(command(name, name, more));
    const { type, id, ...rest } = await session.next();
    assert.deepEqual([type, id], ['result', name]);
    return rest;
  };
  assert.deepEqual(await answer('nothing'), { status: 200 });
  assert.deepEqual(await answer('bytes', { data: undefined, base64: 'AAEC' }), { status: 200, base64: 'AAEC' });
  assert.deepEqual(await answer('status'), { status: 202, data: 'later' });
  assert.deepEqual(await answer('fails'), { status: 500, data: { error: 'no paper' } });
  assert.deepEqual(await answer('refuses'), { status: 409, data: { error: 'not now' } });
  assert.equal((await answer('circular')).status, 500);
  assert.deepEqual(await answer('large'), { status: 500, data: { error: 'a result may have 65536 bytes' } });
  assert.deepEqual(await answer('unheard'), { status: 404, data: { error: 'unknown command' } });
  assert.deepEqual(await answer('toString'), { status: 404, data: { error: 'unknown command' } });
  assert.throws(() => new CommandResult(99), RangeError);
});

test('onCommand takes what commands does not name', async (t) => {
  const { session } = await connected(t, { commands: { known: () => 'known' }, onCommand: ({ name }) => `any ${name}` });
  session.send(command('c1', 'known'));
  session.send(command('c2', 'other'));
  assert.deepEqual([(await session.next()).data, (await session.next()).data], ['known', 'any other']);
});

test('output is streamed in order, before the result', async (t) => {
  const { session } = await connected(t, {
    commands: {
      log: async ({ output }) => {
        await output({ line: 1 });
        output(Uint8Array.of(2));
        output('three');
        return 'done';
      },
    },
  });
  session.send(command('c1', 'log'));
  const frames = [];
  while (frames.at(-1)?.type !== 'result') frames.push(await session.next());
  assert.deepEqual(frames, [
    { type: 'output', id: 'c1', data: { line: 1 } }, { type: 'output', id: 'c1', base64: 'Ag==' },
    { type: 'output', id: 'c1', data: 'three' }, { type: 'result', id: 'c1', status: 200, data: 'done' },
  ]);
});

test('output that no link takes waits for the next one, bounded', async (t) => {
  const { open, opened } = gate();
  const counted = new Queue('a count');
  const { node, session, event } = await connected(t, {
    commands: {
      log: async ({ output }) => {
        await opened;
        let count = 0;
        try {
          for (;;) {
            output(count);
            count += 1;
          }
        } catch (error) {
          counted.put([count, error.code]);
        }
        return 'done';
      },
    },
  });
  session.send(command('c1', 'log'));
  await session.settle();
  session.cut();
  await event('disconnected');
  const again = node.accept();
  open();
  assert.deepEqual(await counted.next(), [256, 'output_full']);
  const next = await again;
  await next.next('hello');
  next.hello();
  for (let index = 0; index < 256; index += 1) assert.deepEqual(await next.next(), { type: 'output', id: 'c1', data: index });
  assert.deepEqual(await next.next(), { type: 'result', id: 'c1', status: 200, data: 'done' });
});

test('pieces are checked, and none comes after the end', async (t) => {
  const outputs = new Queue('an output function');
  const { session } = await connected(t, {
    commands: {
      log: ({ output }) => {
        outputs.put(output);
        output('x'.repeat(70_000));
      },
    },
  });
  session.send(command('c1', 'log'));
  assert.deepEqual((await session.next()).data, { error: 'a piece may have 65536 bytes' });
  const output = await outputs.next();
  assert.throws(() => output('late'), { code: 'ended' });
});

test('cancel aborts the signal', async (t) => {
  const { session } = await connected(t, {
    commands: {
      wait: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
  });
  session.send(command('c1', 'wait'));
  assert.deepEqual(await session.settle(), []);
  session.send({ type: 'cancel', id: 'c1' });
  assert.deepEqual(await session.next(), { type: 'result', id: 'c1', status: 499, data: { error: 'cancelled' } });
});

test('the time of a command is over: the signal is aborted', async (t) => {
  const { session } = await connected(t, {
    commands: {
      wait: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    },
  });
  session.send(command('c1', 'wait', { timeout: 0.05 }));
  assert.deepEqual(await session.next(), { type: 'result', id: 'c1', status: 504, data: { error: 'the time is over' } });
});

test('a repeated id that runs is not run again; one that ran gets the stored result', async (t) => {
  const { open, opened } = gate();
  let runs = 0;
  const { node, session } = await connected(t, {
    commands: {
      once: async () => {
        runs += 1;
        await opened;
        return runs;
      },
    },
  });
  session.send(command('c1', 'once'));
  session.send(command('c1', 'once'));
  assert.deepEqual(await session.settle(), []);
  open();
  const result = { type: 'result', id: 'c1', status: 200, data: 1 };
  assert.deepEqual(await session.next(), result);
  session.send({ type: 'ack', ref: 'c1' });
  session.send(command('c1', 'once'));
  assert.deepEqual(await session.next(), result);
  assert.deepEqual(await session.settle(), []);
  session.cut();
  assert.deepEqual(await (await node.greet()).next(), result, 'which has to be acknowledged again');
  assert.equal(runs, 1);
});

test('a result is sent again after a reconnect until it is acknowledged', async (t) => {
  const { node, session } = await connected(t, { commands: { a: () => 'A', b: () => 'B' } });
  session.send(command('c1', 'a'));
  session.send(command('c2', 'b'));
  await session.next();
  await session.next();
  session.send({ type: 'ack', ref: 'c1' });
  await session.settle();
  session.cut();
  const second = await node.greet();
  assert.deepEqual(await second.settle(), [{ type: 'result', id: 'c2', status: 200, data: 'B' }]);
  second.send({ type: 'ack', ref: 'c2' });
  await second.settle();
  second.cut();
  const third = await node.greet();
  assert.deepEqual(await third.settle(), []);
});

test('a result that came while there was no link is sent with the next one, once', async (t) => {
  const { open, opened } = gate();
  const { node, session, event } = await connected(t, { commands: { slow: () => opened } });
  session.send(command('c1', 'slow'));
  await session.settle();
  session.cut();
  await event('disconnected');
  open();
  const next = await node.greet();
  next.send(command('c1', 'slow'));
  const results = [await next.next(), ...(await next.settle())];
  assert.ok(results.every(({ id, status }) => id === 'c1' && status === 200));
});

test('a result that the node refuses is not offered again', async (t) => {
  const { node, session, event } = await connected(t, { commands: { a: () => 1 } });
  session.send(command('c1', 'a'));
  await session.next();
  session.send({ type: 'error', code: 'unknown_command', message: 'nobody waits', ref: 'c1' });
  await event('refused');
  session.cut();
  assert.deepEqual(await (await node.greet()).settle(), []);
});

test('a result that the node finds too big is replaced', async (t) => {
  const { node, session } = await connected(t, { commands: { a: () => 'x'.repeat(1000) } });
  session.send(command('c1', 'a'));
  await session.next();
  session.close(1009, 'message too big');
  assert.deepEqual(await (await node.greet()).next(), {
    type: 'result', id: 'c1', status: 500, data: { error: 'the node finds the result too big' },
  });
});

test('at most eight run at a time; pushes and heartbeats do not wait for them', async (t) => {
  const gates = new Map();
  const began = new Queue('a command');
  const { session } = await connected(t, {
    onCommand: ({ id }) => {
      gates.set(id, gate());
      began.put(id);
      return gates.get(id).opened;
    },
  });
  for (let index = 1; index <= 12; index += 1) session.send(command(`c${index}`, 'x'));
  session.push('p1', { offset: '1-0' });
  assert.deepEqual(await session.next(), { type: 'ack', offset: '1-0' });
  assert.deepEqual(await session.settle(), []);
  assert.equal(began.waiting.length, 8);
  session.send({ type: 'cancel', id: 'c9' });
  assert.equal((await session.next()).status, 499);
  gates.get('c3').open();
  assert.equal((await session.next()).id, 'c3');
  for (const id of ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c10']) assert.equal(await began.next(), id);
  assert.deepEqual(began.waiting, []);
});

test('commands that wait are bounded', async (t) => {
  const { session } = await connected(t, { onCommand: () => new Promise(() => {}) });
  for (let index = 0; index < 265; index += 1) session.send(command(`c${index}`, 'x'));
  assert.deepEqual(await session.next(), { type: 'result', id: 'c264', status: 429, data: { error: 'too many commands wait' } });
});

test('close() aborts what runs', async (t) => {
  const reasons = new Queue('a reason');
  const { session, switchboard } = await connected(t, {
    commands: { wait: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => {
      reasons.put(signal.reason.code);
      resolve();
    })) },
  });
  session.send(command('c1', 'wait'));
  await session.settle();
  await switchboard.close();
  assert.equal(await reasons.next(), 'stopped');
});

test('a frame of the node that lacks something is an event, not the end', async (t) => {
  const { session, event } = await connected(t);
  session.send({ type: 'command', id: 'c1' });
  assert.match((await event('refused')).message, /lacks 'name'/);
  session.send({ type: 'push', channel: 'all' });
  assert.match((await event('refused')).message, /lacks 'id'/);
  assert.deepEqual(await session.settle(), []);
});
