// A node that does what a test tells it: real HTTP, real WebSocket frames, every byte under control.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Queue } from './queue.mjs';

export const TUNING = { heartbeat: { interval: 25, timeout: 10 }, reconnect: { min: 1, max: 30 } };

export class FakeNode {
  #server = createServer((request, response) => this.#serve(request, response));
  #sockets = new Set();
  #sessions = new Queue('a connection');
  #refusals = [];
  #files = new Map();
  #count = 0;

  static async start() {
    const node = new FakeNode();
    node.#server.on('upgrade', (request, socket) => node.#upgrade(request, socket));
    node.#server.on('connection', (socket) => {
      node.#sockets.add(socket);
      socket.on('close', () => node.#sockets.delete(socket));
    });
    await new Promise((resolve) => node.#server.listen(0, '127.0.0.1', resolve));
    return node;
  }

  get origin() {
    return `127.0.0.1:${this.#server.address().port}`;
  }

  get url() {
    return `ws://${this.origin}`;
  }

  /** How many WebSockets were accepted so far. */
  get count() {
    return this.#count;
  }

  /** What GET answers on this path. */
  file(path, type, body) {
    this.#files.set(path, { type, body });
  }

  /** The next upgrade is answered by this instead; `headers` may also change the answer of an upgrade (status 101). */
  refuse(status, { headers = {}, body = '' } = {}) {
    this.#refusals.push({ status, headers, body });
  }

  /** The next connection whose upgrade was accepted. */
  accept() {
    return this.#sessions.next();
  }

  /** The next connection, after both have said hello. */
  async greet(extra = {}) {
    const session = await this.accept();
    session.clientHello = await session.next('hello');
    session.hello(extra);
    return session;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(request, response) {
    const file = this.#files.get(request.url);
    if (!file) return response.writeHead(404).end();
    return response.writeHead(200, { 'Content-Type': file.type }).end(file.body);
  }

  #upgrade(request, socket) {
    socket.on('error', () => {});
    const refusal = this.#refusals.shift();
    if (refusal && refusal.status !== 101) {
      const headers = { Connection: 'close', 'Content-Length': Buffer.byteLength(refusal.body), ...refusal.headers };
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
      return socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${lines}\r\n${refusal.body}`);
    }
    const key = request.headers['sec-websocket-key'];
    const headers = {
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Accept': createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'),
      'Sec-WebSocket-Protocol': 'switchboard.v1',
      ...refusal?.headers,
    };
    const lines = Object.entries(headers).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
    this.#count += 1;
    this.#sessions.put(new Session(request, socket));
    return undefined;
  }
}

/** One accepted connection. */
export class Session {
  #socket;
  #frames = new Queue('a frame');
  #input = Buffer.alloc(0);
  /** Resolves with `{code, reason}` of the client's close frame, 1006 when there was none. */
  closed;
  #close;
  #hasClosed = false;
  /** Pongs of RFC 6455, as buffers. */
  pongs = new Queue('a pong');

  constructor(request, socket) {
    this.request = request;
    this.query = new URL(request.url, 'http://node').searchParams;
    this.#socket = socket;
    this.closed = new Promise((resolve) => (this.#close = resolve));
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('close', () => this.#close({ code: 1006, reason: '' }));
  }

  /** The next frame; pongs are passed over unless asked for. */
  async next(type) {
    for (;;) {
      const frame = await this.#frames.next();
      if (type === undefined ? frame.type !== 'pong' : frame.type === type) return frame;
      if (frame.type !== 'pong') throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`);
    }
  }

  /** Frames that came and were not taken. */
  get waiting() {
    return this.#frames.waiting;
  }

  hello(extra = {}) {
    this.send({ type: 'hello', clientId: 'c', session: 's', epoch: 1, node: 'n', ...TUNING, recovered: false, ...extra });
  }

  /** Everything the client sent before this came: it has answered a ping. */
  async settle() {
    this.send({ type: 'ping' });
    const seen = [];
    for (;;) {
      const frame = await this.#frames.next();
      if (frame.type === 'pong') return seen;
      seen.push(frame);
    }
  }

  send(frame) {
    this.frame(1, Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame)));
  }

  push(id, more = {}) {
    this.send({ type: 'push', id, channel: 'client', data: id, ...more });
  }

  close(code, reason = '') {
    this.frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
  }

  cut() {
    this.#socket.destroy();
  }

  /** A frame as servers send it, unmasked. */
  frame(opcode, body, { isFinal = true } = {}) {
    this.#hasClosed ||= opcode === 8;
    this.bytes(frameBytes(opcode, body, isFinal));
  }

  bytes(bytes) {
    this.#socket.write(bytes);
  }

  #data(chunk) {
    this.#input = Buffer.concat([this.#input, chunk]);
    for (;;) {
      const [, second] = this.#input;
      if (this.#input.length < 2) return;
      const short = second & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#input.length < head + 4) return;
      const length = short < 126 ? short : short === 126 ? this.#input.readUInt16BE(2) : Number(this.#input.readBigUInt64BE(2));
      if (this.#input.length < head + 4 + length) return;
      if ((second & 128) === 0) throw new Error('a client must mask');
      if ((short === 126 && length < 126) || (short === 127 && length < 65_536)) throw new Error('a length longer than needed');
      const mask = this.#input.subarray(head, head + 4);
      const body = Buffer.from(this.#input.subarray(head + 4, head + 4 + length)).map((byte, index) => byte ^ mask[index & 3]);
      const opcode = this.#input[0] & 15;
      this.#input = this.#input.subarray(head + 4 + length);
      this.#received(opcode, body);
    }
  }

  #received(opcode, body) {
    if (opcode === 1) this.#frames.put(JSON.parse(body.toString()));
    if (opcode === 10) this.pongs.put(body);
    if (opcode !== 8) return;
    this.#close({ code: body.length < 2 ? 1005 : body.readUInt16BE(0), reason: body.subarray(2).toString() });
    // One close frame each way.
    if (!this.#hasClosed) this.frame(8, body.subarray(0, 2));
    this.#socket.end();
  }
}

export function frameBytes(opcode, body, isFinal = true) {
  const head = body.length < 126 ? Buffer.from([0, body.length]) : body.length < 65_536 ? Buffer.alloc(4) : Buffer.alloc(10);
  head[0] = (isFinal ? 128 : 0) | opcode;
  if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(body.length, 2);
  } else if (head.length === 10) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}
