// The console's operator socket: when it is taken for dead, and what becomes of it then.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { consoleModule } from './support/console.mjs';

/** A socket whose other end says only what the test has it say, and which never closes by itself. */
class Socket {
  static all = [];
  sent = [];
  isClosed = false;

  constructor() { Socket.all.push(this); }

  static get last() { return Socket.all.at(-1); }

  send(text) { this.sent.push(JSON.parse(text)); }

  close() { this.isClosed = true; }

  hears(frame) { this.onmessage({ data: JSON.stringify(frame) }); }

  /** What it has sent of this type. */
  frames(type) { return this.sent.filter((frame) => frame.type === type); }
}

mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
globalThis.WebSocket = Socket;
globalThis.addEventListener ??= () => {};
globalThis.sessionStorage ??= { getItem: () => null };

const hello = { type: 'hello', node: 'node-1', version: '1', scopes: ['read'] };
let live;
let states;

beforeEach(async () => {
  // Those of the test before, too.
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  Socket.all = [];
  states = [];
  ({ live } = await consoleModule('live', 'api'));
  live.on('state', (state) => states.push(state));
  live.watch({ types: ['session'] }, () => {});
  Socket.last.onopen();
});

test('a socket on which something comes is left alone', () => {
  Socket.last.hears(hello);
  for (let second = 0; second < 120; second += 4) {
    mock.timers.tick(4000);
    Socket.last.hears({ type: 'stats', at: 0, nodes: [], complete: true });
  }
  assert.equal(Socket.all.length, 1);
  assert.equal(Socket.last.frames('ping').length, 0);
});

test('a quiet one is asked for a sign of life, and stays when there is one', () => {
  Socket.last.hears(hello);
  for (let round = 1; round <= 5; round += 1) {
    mock.timers.tick(10_000);
    assert.equal(Socket.last.frames('ping').length, round);
    Socket.last.hears(round % 2 ? { type: 'pong' } : { type: 'error', code: 'unknown_type', message: '' });
  }
  assert.equal(Socket.all.length, 1);
  assert.equal(live.state, 'open');
});

test('one that does not answer is given up, and another one takes up what was asked for', () => {
  const first = Socket.last;
  first.hears(hello);
  mock.timers.tick(20_000);
  assert.equal(live.state, 'open');
  mock.timers.tick(5000);
  assert.equal(live.state, 'waiting');
  assert.equal(live.hello, null);
  assert.equal(first.isClosed, true);
  assert.equal(live.send({ type: 'stats', interval: 1 }), false);
  mock.timers.tick(1000);
  assert.equal(Socket.all.length, 2);
  // What the first says late, even that it is closed, is not the second's.
  first.onclose({ code: 1006, reason: '' });
  first.hears(hello);
  assert.equal(live.state, 'connecting');
  Socket.last.hears({ ...hello, node: 'node-2' });
  assert.equal(live.hello.node, 'node-2');
  assert.equal(Socket.last.frames('watch').length, 1);
  assert.deepEqual(states.slice(-4), ['open', 'waiting', 'connecting', 'open']);
});

test('one that is never opened is given up, too', () => {
  mock.timers.tick(25_000);
  assert.equal(Socket.all[0].isClosed, true);
  mock.timers.tick(1000);
  assert.equal(Socket.all.length, 2);
  assert.equal(Socket.last.frames('ping').length, 0);
});

test('while it waits to connect again nothing looks at a socket that is gone', () => {
  Socket.last.hears(hello);
  Socket.last.onclose({ code: 4200, reason: '' });
  assert.equal(live.state, 'waiting');
  mock.timers.tick(1000);
  assert.equal(Socket.all.length, 2);
  Socket.last.hears(hello);
  mock.timers.tick(5000);
  assert.equal(Socket.last.frames('ping').length, 0);
});
