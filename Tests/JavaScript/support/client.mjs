// A fake node and a client of it, both ended with the test.
import { Switchboard } from './module.mjs';
import { FakeNode } from './fake-node.mjs';
import { Queue } from './queue.mjs';

export async function fakeNode(t) {
  const node = await FakeNode.start();
  t.after(() => node.stop());
  return node;
}

/** Not connected yet; `events` are queued. Without jitter: every delay is the least that is allowed. */
export function client(t, node, options = {}) {
  const events = new Queue('an event');
  const switchboard = new Switchboard({
    url: node.url, clientId: 'c', random: () => 0, onEvent: (event) => events.put(event), ...options,
  });
  t.after(() => switchboard.close());
  return { switchboard, events, event: (type) => events.find((event) => event.type === type) };
}

/** A client that has exchanged hellos with the node. */
export async function connected(t, options = {}, hello = {}) {
  const node = await fakeNode(t);
  const made = client(t, node, options);
  const connecting = made.switchboard.connect();
  const session = await node.greet(hello);
  await connecting;
  return { node, session, ...made };
}

export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}
