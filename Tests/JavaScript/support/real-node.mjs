// A real `switchboard serve`, and a real Redis, on free ports of the loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Below the range from which the kernel takes local ports, so that a server can come back to its own. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    try {
      await once(probe.listen(port, '127.0.0.1'), 'listening');
      await new Promise((resolve) => probe.close(resolve));
      return port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
}

/** Starts a program and awaits the line that says it is there. */
async function program(command, args, isReady) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  const ready = new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        if (output.push(line) > 200) output.shift();
        if (isReady(line)) resolve();
      });
    }
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${output.join('\n')}`)));
  });
  await ready;
  const stop = async (signal) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  return { stop };
}

export async function redis(t) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'switchboard-redis-'));
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', daemonize: 'no' };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = await program('redis-server', args, (line) => line.includes('Ready to accept connections'));
  t.after(async () => {
    await server.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return `redis://127.0.0.1:${port}`;
}

export class RealNode {
  #process;
  #args;

  /** @param {string[]} more flags of `switchboard serve` */
  static async start(t, ...more) {
    const node = new RealNode();
    node.port = await freePort();
    node.#args = ['serve', '--port', String(node.port), ...more];
    await node.again();
    t.after(() => node.kill());
    return node;
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  async again() {
    const binary = process.env.SWITCHBOARD_BIN;
    if (!binary) throw new Error('SWITCHBOARD_BIN names no executable, and none is built');
    this.#process = await program(binary, this.#args, (line) => line.includes('listens on'));
  }

  /** Without a goodbye. */
  kill() {
    return this.#process.stop('SIGKILL');
  }

  /** @returns {Promise<{status: number, body: any}>} */
  async call(method, path, body) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method, body: body === undefined ? undefined : JSON.stringify(body), headers: { 'Content-Type': 'application/json' },
    });
    const text = await answer.text();
    const isJSON = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, headers: answer.headers, body: isJSON ? JSON.parse(text) : text };
  }

  push(body) {
    return this.call('POST', '/v1/push', body);
  }
}
