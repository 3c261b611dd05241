import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { client, connected, fakeNode } from './support/client.mjs';
import { Queue } from './support/queue.mjs';

const program = fileURLToPath(new URL('support/restarting.mjs', import.meta.url));

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'switchboard-js-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

/** Something like localStorage. */
function keys() {
  const items = new Map();
  return { items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

function start(t, node, path) {
  const child = spawn(process.execPath, [program, node.url, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = new Queue('a line of the client');
  createInterface(child.stdout).on('line', (line) => lines.put(line));
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  t.after(kill);
  return { lines, kill };
}

const command = (id, name) => ({ type: 'command', id, name, timeout: 30, data: null });

test('a process killed at any moment: nothing is handled twice, results are kept, offsets go on', async (t) => {
  const node = await fakeNode(t);
  const path = join(folder(t), 'state');
  const first = start(t, node, path);
  const session = await node.greet();
  session.push('p1', { offset: '1-0' });
  await session.next('ack');
  session.push('h1', { channel: 'group:g', offset: 'E:1-0' });
  session.send(command('c1', 'quick'));
  assert.equal((await session.next('result')).data, 'ran c1');
  session.send(command('c2', 'endless'));
  for (const line of ['push p1', 'push h1', 'command c1', 'command c2']) assert.equal(await first.lines.next(), line);
  await first.kill();
  appendFileSync(path, '{"p":"p2","t":17');  // torn: the power went

  const second = start(t, node, path);
  const next = await node.greet();
  assert.deepEqual(next.clientHello.resume, { all: '', 'group:g': 'E:1-0' });
  const results = [await next.next(), await next.next()];
  assert.deepEqual(results, [
    { type: 'result', id: 'c1', status: 200, data: 'ran c1' },
    { type: 'result', id: 'c2', status: 500, data: { error: 'the agent ended while the command ran' } },
  ]);
  next.push('p1', { offset: '1-0' });
  assert.deepEqual(await next.next(), { type: 'ack', offset: '1-0' });
  next.send(command('c1', 'quick'));
  next.send(command('c2', 'endless'));
  assert.deepEqual([await next.next(), await next.next()], results);
  for (const { id } of results) next.send({ type: 'ack', ref: id });
  next.push('p2', { offset: '2-0' });
  assert.equal((await next.next()).offset, '2-0');
  assert.equal(await second.lines.next(), 'push p2', 'and none of the others');
  await second.kill();

  start(t, node, path);
  const third = await node.greet();
  third.push('p2', { offset: '2-0' });
  assert.deepEqual(await third.next(), { type: 'ack', offset: '2-0' }, 'no result is offered again');
});

test('killed between many acks: what was acknowledged was remembered', async (t) => {
  const node = await fakeNode(t);
  const path = join(folder(t), 'state');
  for (let round = 0; round < 5; round += 1) {
    const { kill } = start(t, node, path);
    const session = await node.greet();
    for (let index = 0; index < 300; index += 1) session.push(`r${round}-${index}`, { offset: `${index}-0` });
    const { offset } = await session.next('ack');
    await kill();
    const ids = new Set(readFileSync(path, 'utf8').split('\n').filter(Boolean).flatMap((line) => {
      try {
        return [JSON.parse(line).p];
      } catch {
        return [];
      }
    }));
    for (let index = 0; index <= parseInt(offset, 10); index += 1) assert.ok(ids.has(`r${round}-${index}`), `${round} ${index}`);
  }
});

test('the log is replaced when it has grown, and stays bounded', async (t) => {
  const path = join(folder(t), 'state');
  let last;
  const { session } = await connected(t, { storage: path, onPush: ({ id }) => (last = id) });
  const wide = 'x'.repeat(100);
  let largest = 0;
  for (let round = 0; round < 40; round += 1) {
    for (let index = 0; index < 500; index += 1) session.push(`${wide}-${round}-${index}`, { offset: `${round * 500 + index}-0` });
    while ((await session.next('ack')).offset !== `${round * 500 + 499}-0`);
    largest = Math.max(largest, statSync(path).size);
  }
  // 20 000 ids were seen, 10 000 are kept: a snapshot of 1.4 MB and a log of twice that.
  assert.ok(largest > 1.4e6 && largest < 4.5e6, `${largest} bytes`);
  assert.ok(!existsSync(`${path}.new`));
  for (const [id, isForgotten] of [[`${wide}-20-499`, false], [`${wide}-19-499`, true]]) {
    session.push(id, { ack: true });
    assert.equal((await session.next()).id, id);
    assert.equal(last === id, isForgotten, id);
  }
});

test('results are bounded: the ids outlive them, so nothing runs twice', async (t) => {
  let runs = 0;
  const { session } = await connected(t, {
    storage: keys(),
    commands: {
      big: () => {
        runs += 1;
        return 'x'.repeat(60_000);
      },
    },
  });
  for (let index = 0; index < 12; index += 1) {
    session.send(command(`c${index}`, 'big'));
    assert.equal((await session.next()).status, 200);
    session.send({ type: 'ack', ref: `c${index}` });
  }
  session.send(command('c0', 'big'));
  assert.deepEqual(await session.next(), { type: 'result', id: 'c0', status: 410, data: { error: 'the result is no longer kept' } });
  session.send(command('c11', 'big'));
  assert.equal((await session.next()).status, 200);
  assert.equal(runs, 12);
});

test('something like localStorage serves as well', async (t) => {
  const storage = keys();
  const seen = [];
  const options = { storage, groups: ['g'], onPush: ({ id }) => seen.push(id), commands: { quick: () => seen.push('c1') } };
  const { node, session, switchboard } = await connected(t, options);
  session.push('h1', { channel: 'group:g', offset: 'E:1-0' });
  session.push('p1', { offset: '1-0' });
  await session.next('ack');
  session.send(command('c1', 'quick'));
  await session.next('result');
  assert.deepEqual([...storage.items.keys()], ['switchboard:c']);
  const copy = keys();
  copy.setItem('switchboard:c', storage.getItem('switchboard:c'));  // as if the page had crashed now
  await switchboard.close();

  client(t, node, { ...options, storage: copy }).switchboard.connect();
  const next = await node.greet();
  assert.equal(next.clientHello.resume['group:g'], 'E:1-0');
  assert.equal((await next.next()).id, 'c1', 'the result that nobody acknowledged');
  next.push('p1', { offset: '1-0' });
  assert.deepEqual(await next.next(), { type: 'ack', offset: '1-0' });
  assert.deepEqual(seen, ['h1', 'p1', 'c1']);
});

test('before a push is acknowledged by its id, it is written down', async (t) => {
  const storage = keys();
  const { session } = await connected(t, { storage });
  session.push('p1', { channel: 'all', ack: true });
  await session.next('ack');
  assert.match(storage.getItem('switchboard:c'), /"p":"p1"/);
});

test('the ids of two clients do not mix', async (t) => {
  const storage = keys();
  const { session } = await connected(t, { storage, clientId: 'a' });
  session.push('p1', { offset: '1-0' });
  await session.next('ack');
  const pushes = new Queue('a push');
  const other = await connected(t, { storage, clientId: 'b', onPush: (push) => pushes.put(push) });
  other.session.push('p1', { offset: '1-0' });
  assert.equal((await pushes.next()).id, 'p1');
});

test('a storage that fails later: an event, and the client goes on', async (t) => {
  const storage = keys();
  const { session, event } = await connected(t, { storage });
  storage.setItem = () => { throw new Error('quota exceeded'); };
  session.push('p1', { offset: '1-0' });
  assert.match((await event('error')).error.message, /quota/);
  assert.equal((await session.next()).offset, '1-0');
});

test('a storage that cannot be used stops the start', async (t) => {
  const node = await fakeNode(t);
  const { switchboard } = client(t, node, { storage: folder(t) });
  await assert.rejects(switchboard.connect(), { code: 'invalid_options', message: /cannot be used/ });
  assert.equal(switchboard.state, 'stopped');
});

test('foreign lines are passed over', async (t) => {
  const storage = keys();
  storage.setItem('switchboard:c', 'nonsense\n{"x":1}\nnull\n{"p":"p1","t":' + Date.now() + '}\n');
  const { session } = await connected(t, { storage, onPush: () => assert.fail('handled twice') });
  session.push('p1', { ack: true });
  assert.equal((await session.next()).id, 'p1');
});
