// The module in a real browser: served by a node, imported by a page, run through the shared scenarios.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Browser } from './support/browser.mjs';
import { fakeNode } from './support/client.mjs';
import { scenarios } from './support/scenarios.mjs';
import { publicLine, secretLine, signed } from './support/signing.mjs';

const files = {
  '/switchboard.js': '../../Sources/SwitchboardServer/API/switchboard.js',
  '/scenarios.mjs': 'support/scenarios.mjs',
  '/queue.mjs': 'support/queue.mjs',
};

let browser;
before(async () => (browser = await Browser.start()));
after(() => browser?.stop());

/** A node that serves the page, too, and the page loaded. */
async function open(t) {
  const node = await fakeNode(t);
  node.file('/', 'text/html', '<!doctype html><title>switchboard</title>');
  for (const [path, file] of Object.entries(files)) {
    node.file(path, 'text/javascript', readFileSync(new URL(file, import.meta.url)));
  }
  await browser.load(`http://${node.origin}/`);
  return node;
}

for (const [name, { node: play, check }] of Object.entries(scenarios)) {
  test(name, async (t) => {
    const node = await open(t);
    const run = async (scenario, url) => {
      const [{ Switchboard }, { scenarios: all }] = await Promise.all([import('/switchboard.js'), import('/scenarios.mjs')]);
      return (await all[scenario].client({ Switchboard, url })) ?? null;
    };
    const [seen, played] = await Promise.all([browser.run(run, name, node.url), play(node)]);
    check(assert, seen, played);
  });
}

test('without a URL the module connects to the node that served it', async (t) => {
  const node = await open(t);
  const [id, session] = await Promise.all([
    browser.run(async () => {
      const { Switchboard } = await import('/switchboard.js');
      const switchboard = new Switchboard({});
      await switchboard.connect();
      return switchboard.clientId;
    }),
    node.greet({ clientId: 'anon-1' }),
  ]);
  assert.equal(id, 'anon-1');
  assert.equal(session.request.url, '/ws?hello=1');
  assert.equal(session.request.headers.origin, `http://${node.origin}`);
});

test('a page runs only commands that were signed, each once', async (t) => {
  const node = await open(t);
  const start = async (...commandKeys) => {
    const { Switchboard } = await import('/switchboard.js');
    window.switchboard = new Switchboard({
      clientId: 'c', storage: localStorage, commandKeys, onCommand: ({ data, signedBy }) => [data, signedBy],
    });
    await window.switchboard.connect();
  };
  const connect = () => Promise.all([node.greet(), browser.run(start, publicLine, secretLine)]);
  const [first] = await connect();
  const commands = [signed('c1', { data: '{ "a" : 3.20 }' }), signed('c2', { key: 'ops-2' })];
  for (const [index, data] of [[{ a: 3.2 }, 'ops-1'], [1, 'ops-2']].entries()) {
    first.send(commands[index]);
    assert.deepEqual((await first.next('result')).data, data);
  }
  first.send(commands[0].replace('3.20', '3.2'));
  assert.equal((await first.next('result')).data.code, 'signature_invalid');
  await browser.reload();
  await first.closed;
  const [second] = await connect();
  second.send(signed('c1', { data: '7' }));
  const results = [await second.next('result'), await second.next('result'), await second.next('result')];
  assert.equal(results.find(({ status }) => status === 401).data.code, 'signature_replayed');
});

test('with localStorage nothing is handled twice across a reload, and results and offsets are kept', async (t) => {
  const node = await open(t);
  const start = async () => {
    const { Switchboard } = await import('/switchboard.js');
    window.seen = [];
    window.switchboard = new Switchboard({
      clientId: 'c', groups: ['g'], storage: localStorage, onPush: ({ id }) => window.seen.push(id),
      commands: { quick: () => 'done', endless: () => new Promise(() => {}) },
    });
    await window.switchboard.connect();
  };
  const [, first] = await Promise.all([browser.run(start), node.greet()]);
  first.push('p1', { offset: '1-0' });
  first.push('h1', { channel: 'group:g', offset: 'E:1-0' });
  assert.equal((await first.next('ack')).offset, '1-0');
  first.send({ type: 'command', id: 'c1', name: 'quick', timeout: 30 });
  first.send({ type: 'command', id: 'c2', name: 'endless', timeout: 30 });
  assert.equal((await first.next('result')).id, 'c1');
  await first.settle();
  await browser.reload();
  await first.closed;
  const [, second] = await Promise.all([browser.run(start), node.greet()]);
  assert.deepEqual(second.clientHello.resume, { all: '', 'group:g': 'E:1-0' });
  assert.deepEqual([await second.next(), await second.next()].map(({ id, status }) => [id, status]), [['c1', 200], ['c2', 500]]);
  second.push('p1', { offset: '1-0' });
  second.push('p2', { offset: '2-0' });
  let ack;
  do ack = await second.next('ack'); while (ack.offset !== '2-0');
  assert.deepEqual(await browser.run(async () => window.seen), ['p2']);
});
