// The conformance kit's agent profile over the JavaScript client; see ../README.md.
// usage: node agent.mjs URL CLIENT GROUP STATE

import { createInterface } from 'node:readline';
import { Switchboard } from '../../JavaScript/support/module.mjs';

const [url, clientId, group, storage] = process.argv.slice(2);

const say = (event, members = {}) => process.stdout.write(`${JSON.stringify({ event, ...members })}\n`);
const payload = (data) =>
  data instanceof Uint8Array ? { base64: Buffer.from(data).toString('base64') } : { data };

const sleep = (seconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new Error('cancelled'));
    });
  });

const commands = {
  echo: ({ data }) => data,
  slow: async ({ id, data, output, signal }) => {
    signal.addEventListener('abort', () => say('cancelled', { id }));
    for (const piece of [1, 2, 3]) {
      if (!data?.quiet) await output(piece);
      await sleep(data?.interval ?? 0.1, signal);
    }
    return { pieces: 3 };
  },
  fail: () => {
    throw new Error('failed as told');
  },
};

const told = (name, handler) => (command) => {
  say('command', { id: command.id, name });
  return handler(command);
};

function onEvent(event) {
  switch (event.type) {
    case 'connected': return say('connected', { clientId: event.clientId, session: event.session });
    case 'disconnected': return say('disconnected', { code: event.code, reason: event.reason, retryIn: event.retryIn });
    case 'attemptFailed': return say('failed', { reason: event.reason, retryIn: event.retryIn });
    case 'missed': return say('missed', { channel: event.channel });
    case 'goaway': return say('goaway', { reconnectAfter: event.reconnectAfter });
    case 'stopped':
      say('stopped', { reason: event.error.message });
      process.exitCode = 1;
      return process.stdin.destroy();
    default: return undefined;
  }
}

const switchboard = new Switchboard({
  url,
  clientId,
  groups: [group],
  storage,
  onEvent,
  commands: Object.fromEntries(Object.entries(commands).map(([name, handler]) => [name, told(name, handler)])),
  onPush: async ({ id, channel, data }) => {
    say('push', { id, channel, ...payload(data) });
    if (data?.sleep) await sleep(data.sleep);
    say('handled', { id });
  },
});

createInterface({ input: process.stdin }).on('line', async (line) => {
  const words = JSON.parse(line);
  switch (words.do) {
    case 'join': return switchboard.join(words.group);
    case 'leave': return switchboard.leave(words.group);
    case 'stop':
      await switchboard.close();
      return process.exit(0);
    case 'send':
      try {
        await switchboard.send(words.data, { id: words.id });
        return say('sent', { id: words.id });
      } catch (error) {
        return say('rejected', { id: words.id, code: error.code });
      }
  }
});

switchboard.connect().catch(() => {});
