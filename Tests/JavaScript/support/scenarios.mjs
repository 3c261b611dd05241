// The same scenarios for Node and for a page: `client` runs where the module runs, `node` plays the other end in the test's
// process. Each end returns what it saw; `check` compares. No imports but the queue: this file is served to the browser.
import { Queue } from './queue.mjs';

/** A client whose events are queued. */
function make(Switchboard, url, options = {}) {
  const events = new Queue('an event');
  const switchboard = new Switchboard({
    url, clientId: 'c', random: () => 0, onEvent: (event) => events.put(event), ...options,
  });
  return { switchboard, event: (type) => events.find((event) => event.type === type) };
}

export const scenarios = {
  'pushes arrive in order, are acknowledged after the handler, and not handled twice': {
    async client({ Switchboard, url }) {
      const seen = [];
      const { switchboard, event } = make(Switchboard, url, {
        onPush: async ({ id, data }) => {
          await new Promise((resolve) => setTimeout(resolve));
          seen.push([id, data instanceof Uint8Array ? Array.from(data) : data]);
        },
      });
      await switchboard.connect();
      await event('stopped');
      return seen;
    },
    async node(node) {
      const session = await node.greet();
      session.push('p1', { offset: '1-0', data: { größe: 'L 😀' } });
      session.push('p2', { offset: '2-0', data: undefined, base64: 'AP8=' });
      session.push('p1', { offset: '1-0' });
      session.push('last', { offset: '3-0' });
      const frames = [await session.next()];
      while (frames.at(-1).offset !== '3-0') frames.push(await session.next());
      session.close(4004, 'done');
      return frames;
    },
    check(assert, seen, frames) {
      assert.deepEqual(seen, [['p1', { größe: 'L 😀' }], ['p2', [0, 255]], ['last', 'last']]);
      assert.ok(frames.every(({ type }) => type === 'ack'));
    },
  },

  'a message is sent again after a reconnect, channels are resumed': {
    async client({ Switchboard, url }) {
      const { switchboard, event } = make(Switchboard, url, { groups: ['g'] });
      await switchboard.connect();
      const id = await switchboard.send({ bytes: false }, { id: 'm1' });
      const { code, retryIn } = await event('disconnected');
      await switchboard.close();
      return { id, code, retryIn };
    },
    async node(node) {
      const first = await node.greet();
      first.push('h1', { channel: 'group:g', offset: 'E:1-0' });
      await first.next('message');
      first.cut();
      const second = await node.greet();
      const message = await second.next('message');
      second.send({ type: 'ack', ref: message.id });
      const { code } = await second.closed;
      return { query: second.request.url, resume: second.clientHello.resume, message, code };
    },
    check(assert, client, node) {
      assert.deepEqual(client, { id: 'm1', code: 1006, retryIn: 0 });
      assert.deepEqual(node, {
        query: '/ws?clientId=c&group=g&hello=1', resume: { all: '', 'group:g': 'E:1-0' },
        message: { type: 'message', id: 'm1', data: { bytes: false } }, code: 1000,
      });
    },
  },

  'commands: output, result, cancel, stored results, results sent again': {
    async client({ Switchboard, url }) {
      let runs = 0;
      const { switchboard, event } = make(Switchboard, url, {
        commands: {
          log: async ({ output, data }) => {
            runs += 1;
            for (const line of data) await output(line);
            return { lines: data.length };
          },
          wait: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        },
      });
      await switchboard.connect();
      await event('disconnected');
      await event('stopped');
      return runs;
    },
    async node(node) {
      const first = await node.greet();
      first.send({ type: 'command', id: 'c1', name: 'log', timeout: 30, data: ['a', 'b'] });
      const frames = [await first.next(), await first.next(), await first.next()];
      first.send({ type: 'command', id: 'c2', name: 'wait', timeout: 30 });
      first.send({ type: 'ping' });
      await first.next('pong');
      first.send({ type: 'cancel', id: 'c2' });
      frames.push(await first.next());
      first.send({ type: 'ack', ref: 'c2' });
      first.send({ type: 'ping' });
      await first.next('pong');
      first.cut();
      const second = await node.greet();
      frames.push(await second.next());
      second.send({ type: 'ack', ref: 'c1' });
      second.send({ type: 'command', id: 'c1', name: 'log', timeout: 30, data: ['a', 'b'] });
      frames.push(await second.next());
      second.close(4004, 'done');
      return frames;
    },
    check(assert, runs, frames) {
      const result = { type: 'result', id: 'c1', status: 200, data: { lines: 2 } };
      assert.deepEqual(frames, [
        { type: 'output', id: 'c1', data: 'a' }, { type: 'output', id: 'c1', data: 'b' }, result,
        { type: 'result', id: 'c2', status: 499, data: { error: 'cancelled' } }, result, result,
      ]);
      assert.equal(runs, 1);
    },
  },

  '4003 stops with a clear error': {
    async client({ Switchboard, url }) {
      const { switchboard, event } = make(Switchboard, url);
      await switchboard.connect();
      const { error } = await event('stopped');
      return { code: error.code, closeCode: error.closeCode, message: error.message, state: switchboard.state };
    },
    async node(node) {
      (await node.greet()).close(4003, 'replaced on n2');
      return node.count;
    },
    check(assert, client, count) {
      assert.deepEqual(client, {
        code: 'closed', closeCode: 4003, state: 'stopped',
        message: 'the node closed the connection for good: replaced on n2 (4003)',
      });
      assert.equal(count, 1);
    },
  },

  'a handshake that fails is tried again': {
    async client({ Switchboard, url }) {
      const { switchboard, event } = make(Switchboard, url);
      const connecting = switchboard.connect();
      const { retryIn } = await event('attemptFailed');
      const { type } = await connecting;
      await switchboard.close();
      return { retryIn, type };
    },
    async node(node) {
      node.refuse(503);
      await (await node.greet()).closed;
    },
    check(assert, client) {
      assert.deepEqual(client, { retryIn: 0, type: 'connected' });
    },
  },

  'silence is a dead link': {
    async client({ Switchboard, url }) {
      const { switchboard, event } = make(Switchboard, url);
      await switchboard.connect();
      const { code, reason } = await event('disconnected');
      await event('connected');
      await switchboard.close();
      return { code, reason };
    },
    async node(node) {
      await node.greet({ heartbeat: { interval: 0.06, timeout: 0.04 } });
      await (await node.greet()).closed;
    },
    check(assert, client) {
      assert.deepEqual(client, { code: 1006, reason: 'nothing heard for 0.1 s' });
    },
  },

  'goaway: leaves in time and comes back': {
    async client({ Switchboard, url }) {
      const { switchboard, event } = make(Switchboard, url);
      await switchboard.connect();
      const { reconnectAfter } = await event('goaway');
      await event('connected');
      await switchboard.close();
      return reconnectAfter;
    },
    async node(node) {
      const session = await node.greet();
      session.send({ type: 'goaway', reason: 'draining', reconnectAfter: 0.05 });
      const { code, reason } = await session.closed;
      await (await node.greet()).closed;
      return { code, reason };
    },
    check(assert, reconnectAfter, closed) {
      assert.equal(reconnectAfter, 0.05);
      assert.deepEqual(closed, { code: 1000, reason: 'as told by goaway' });
    },
  },

  'a handler that is too slow gives the link up, and nothing is lost': {
    async client({ Switchboard, url }) {
      let open;
      const opened = new Promise((resolve) => (open = resolve));
      const seen = [];
      const { switchboard, event } = make(Switchboard, url, {
        maxWaiting: 4,
        onPush: async ({ id }) => {
          await opened;
          seen.push(id);
          if (id === 'p5') switchboard.send('complete').catch(() => {});
        },
      });
      await switchboard.connect();
      await event('disconnected');
      open();
      await event('stopped');
      return seen;
    },
    async node(node) {
      const ids = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
      const first = await node.greet();
      for (const id of ids) first.push(id, { offset: `${id}-0` });
      const { code } = await first.closed;
      const second = await node.greet();
      for (const id of ids) second.push(id, { offset: `${id}-0` });
      while ((await second.next()).type !== 'message');
      second.close(4004, 'done');
      return code;
    },
    check(assert, seen, code) {
      assert.equal(code, 4101);
      assert.deepEqual(seen, ['p0', 'p1', 'p2', 'p3', 'p4', 'p5']);
    },
  },
};
