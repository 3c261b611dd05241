/**
 * Switchboard's client for browsers and Node 18 or newer: one module, no dependencies. (A copy for a Node before 20.19 is best
 * named `switchboard.mjs`.)
 *
 * ```js
 * import { Switchboard } from 'http://127.0.0.1:8080/switchboard.js';   // or a copy of this file
 *
 * const switchboard = new Switchboard({
 *   url: 'ws://127.0.0.1:8080', clientId: 'kiosk-7', groups: ['shop:berlin'], storage: localStorage,
 *   onPush: async (push) => show(push.data),
 *   commands: { restart: async (command) => ({ restarting: command.data.what }) },
 *   onEvent: (event) => console.log(event.type),
 * });
 * await switchboard.connect();
 * await switchboard.send({ sold: ['espresso'] });
 * ```
 *
 * It stays connected until it is told otherwise, hands over every push once and in order, acknowledges what its handler has
 * returned from, and runs a command once however often it arrives. With `storage` that also holds across a restart.
 *
 * @module switchboard
 */

/**
 * @typedef {object} Push
 * @property {string} id repeated by every delivery of the same push
 * @property {string} channel `client`, `group:NAME` or `all`
 * @property {any} data what the backend sent: any JSON value, or a Uint8Array for bytes
 * @property {boolean} durable whether it is kept until it was received
 * @property {string} [from] the client that has published it to the group, as the node knows it; missing when it is from a backend
 * @property {string} [traceparent] the backend's place in a trace (W3C Trace Context), when it named one
 * @property {string} [tracestate]
 */

/**
 * @typedef {{clientId: string, labels: Record<string, string>}} Member
 */

/**
 * @typedef {object} Command
 * @property {string} id
 * @property {string} name
 * @property {any} data any JSON value, or a Uint8Array for bytes
 * @property {number} timeout seconds that the caller waits
 * @property {AbortSignal} signal aborted when the caller gave up, the time is over or the client is closed
 * @property {(data: any) => Promise<void>} output sends a piece of a streamed answer. The promise is fulfilled when the piece
 *   was handed to the socket: await it to send no faster than the link takes. Throws when too many pieces wait. Pieces that
 *   were under way when a link broke may be missing; the result never is.
 * @property {string} [traceparent] the backend's place in a trace (W3C Trace Context), when it named one
 * @property {string} [tracestate]
 * @property {string} [signedBy] the id of the key that signed it, with the option `commandKeys`
 */

/**
 * What happened. Times are seconds; `retryIn` is null when the client does not come back. `missed` without a `count` says that
 * pushes are gone for good while the client was away; with one, that so many were left out here since the page was too slow
 * (option `slow`). `members` and `presence` tell who is in a group that was joined with `watch`; `members` comes again after each
 * reconnect. These come in one order with the pushes.
 *
 * @typedef {{type: 'connected', clientId: string, session: string, node: string, epoch: number, recovered: boolean}
 *   | {type: 'disconnected', code: number, reason: string, retryIn: number | null}
 *   | {type: 'attemptFailed', reason: string, status?: number, retryIn: number | null}
 *   | {type: 'goaway', reason: string, reconnectAfter: number}
 *   | {type: 'missed', channel: string, count?: number}
 *   | {type: 'members', group: string, clients: Member[], complete: boolean}
 *   | {type: 'presence', group: string, joined: Member[], left: string[]}
 *   | {type: 'refused', code: string, message: string, ref?: string}
 *   | {type: 'error', error: any, push?: Push, command?: string}
 *   | {type: 'stopped', error: SwitchboardError}} SwitchboardEvent
 */

/**
 * @typedef {object} SwitchboardOptions
 * @property {string} [url] `ws://HOST:PORT` or `wss://...` (`http` and `https` mean the same); the path is `/ws` unless given.
 *   Without it: where this module was loaded from.
 * @property {string} [clientId] the client's name; the node makes one up when it is missing
 * @property {string[]} [groups] the groups to be in from the start, at most 100
 * @property {Record<string, string>} [labels] by which pushes can find the client, at most 32
 * @property {string | (() => string | Promise<string>)} [token] a JWT, or what gives a fresh one: for each connection, and when
 *   three quarters of a token's time are over, so that the connection outlives it
 * @property {string} [version] of the program, told to the node
 * @property {(push: Push) => any} [onPush] called for one push after the other; a durable one is acknowledged once the promise
 *   it returns is settled. A push whose handler throws counts as received, and an event `error` says so.
 * @property {Record<string, (command: Command) => any>} [commands] handlers by name. What one returns is the answer's data with
 *   status 200, or a {@link CommandResult}; what it throws becomes status 500, or the error's own `status`.
 * @property {(command: Command) => any} [onCommand] for commands that `commands` does not name
 * @property {(event: SwitchboardEvent) => any} [onEvent]
 * @property {string | {getItem(key: string): string | null, setItem(key: string, value: string): void}} [storage] where handled
 *   ids, results and offsets are kept: a file's path in Node, or something like localStorage. One client may use it at a time.
 * @property {string | string[]} [commandKeys] the text of key files of `switchboard signing-key`: only commands that were signed
 *   with one of these keys are run. It needs `clientId` and `storage`, and WebCrypto, which a page has only if it came by https
 *   (or from this machine). Ed25519 is known to Chromium 137, Firefox 129, Safari 17 and Node 18; where it is missing,
 *   connect() is rejected with the code `unsupported`. A shared secret (HMAC) is known everywhere, and to whoever can read the page.
 * @property {number} [commandClockSkew] seconds that the clocks of this machine and of who signs may differ; default 60
 * @property {any} [WebSocket] a class to use instead of the platform's
 * @property {number} [maxMessageBytes] the largest message that Node's own socket takes; default 4 MiB
 * @property {number} [maxOutgoingBytes] the largest frame that may be sent; default 64 KiB, as the node's own default
 * @property {number} [maxWaiting] pushes that may wait for a slow handler before the link is given up; default 1000
 * @property {number} [maxWaitingBytes] and their size; default 4 MiB
 * @property {number} [messageRate] messages a second on average, so that the node's limit is not hit; default 40, 0: no limit
 * @property {number} [messageBurst] messages that may leave at once before the rate holds; default 50
 * @property {number} [connectTimeout] seconds until an attempt must have led to an open WebSocket; default 10
 * @property {number} [helloTimeout] seconds that the node then has for its hello; default 10
 * @property {'close' | 'skip'} [slow] what the node does when this client reads too slowly: close the connection (the default), or
 *   leave out pushes to groups and to all, and say how many by an event `missed` with a `count`
 * @property {() => number} [random] numbers in 0..<1 for the jitter; for tests
 */

/** Why the client stopped, or a message was not sent. `code` is stable, the message is fit for a person's eyes. */
export class SwitchboardError extends Error {
  /**
   * @param {string} code `closed` and `refused` (by the node, for good), `stopped`, `timeout`, `too_large`, `outbox_full`,
   *   `duplicate_id`, `invalid_payload`, `invalid_options`, `unsupported` (by this browser), or the code of the node's error
   * @param {string} message
   * @param {{closeCode?: number, status?: number, cause?: unknown}} [details]
   */
  constructor(code, message, details = {}) {
    super(message);
    this.name = 'SwitchboardError';
    this.code = code;
    /** The close code, when the node closed the connection for good. */
    this.closeCode = details.closeCode;
    /** The HTTP status, when the node refused the connection for good. */
    this.status = details.status;
    if (details.cause !== undefined) this.cause = details.cause;
  }
}

/** An answer to a command with a status of its own. */
export class CommandResult {
  /**
   * @param {number} status an integer like HTTP's, 100...599
   * @param {any} [data] any JSON value, or bytes
   */
  constructor(status, data) {
    if (!Number.isInteger(status) || status < 100 || status > 599) throw new RangeError(`${status} is no status`);
    this.status = status;
    this.data = data;
  }
}

const SUBPROTOCOL = 'switchboard.v1';
const VERSION = 'switchboard.js/1';
const MAX_GROUPS = 100;
const MAX_HISTORY = 300;
const GROUP_FRAMES = ['members', 'presence', 'missed'];
const MAX_HEALTH_BYTES = 4096;
const MAX_COMMANDS = 8;
const MAX_QUEUED_COMMANDS = 256;
const MAX_OUTPUTS = 256;
const MAX_OUTPUT_BYTES = 1 << 20;
const MAX_OUTBOX = 256;
const MAX_OUTBOX_BYTES = 1 << 20;
/** What the socket may hold before the node counts as one that does not read. */
const MAX_UNSENT_BYTES = 8 << 20;
const ACK_EVERY = 64;
const ACK_WITHIN_MS = 50;
/** Ids are remembered this long, and at least so many; the cap bounds the memory at any rate. */
const REMEMBER_MS = 600_000;
const REMEMBER_AT_LEAST = 1000;
const REMEMBER_AT_MOST = 10_000;
/** Seconds that a signature may be good for, that clocks may differ at most, and signed commands that are remembered. */
const LONGEST_VALIDITY = 3600;
const LARGEST_SKEW = 600;
const MAX_SEALS = 5000;
/** Signatures that may wait for their turn to be checked. */
const MAX_CHECKS = 256;
/** Times that the other end names are bounded by a day. */
const LONGEST_SECONDS = 86_400;
/** What the node's `ack` and `error` refer to when they are about a token. */
const TOKEN_REFERENCE = 'token';

// ---------------------------------------------------------------------------------------------------------------- back-off

/**
 * When to connect again: full jitter. Holds no clock and no source of chance: both are given.
 *
 * | situation | delay in seconds |
 * |---|---|
 * | the n-th failed attempt in a row (n from 0) | random(0, min(maximum, minimum * 2^n)) |
 * | the first attempt after a healthy link was lost | random(0, 5), so that a dead node's clients do not arrive at once |
 * | `Retry-After` or `after=` was given | that long at least, plus the jitter above |
 * | the node gave this client its own moment, or asked for it at once | that moment, the first time |
 */
export class ReconnectPolicy {
  /** Seconds; the node's hello may set them. */
  minimum = 1;
  maximum = 30;
  /** Attempts that failed in a row. */
  failures = 0;

  /**
   * How many seconds to wait now that a connection ended or could not be made.
   *
   * @param {{lifetime?: number, atLeast?: number, moment?: number, atOnce?: boolean, random: number}} ending `lifetime`: how
   *   long the link worked, undefined when it never did; `atLeast`: what the node asked for; `moment`: what is left of a
   *   goaway's time; `atOnce`: the close code says not to wait.
   */
  delay({ lifetime, atLeast, moment, atOnce = false, random }) {
    // Moved from node to node while a cluster is rolled, the client has failed at nothing.
    if ((lifetime ?? 0) >= (moment !== undefined || atOnce ? 5 : 60)) this.failures = 0;
    const isFresh = this.failures === 0;
    let bound = Math.min(this.maximum, this.minimum * 2 ** Math.min(this.failures, 30));
    if (lifetime !== undefined && this.failures === 0) bound = Math.max(5, bound);
    this.failures += 1;
    const least = bounded(Math.max(atLeast ?? 0, moment ?? 0));
    if (isFresh && moment !== undefined) return least;
    if (isFresh && atOnce && atLeast === undefined) return 0;
    return Math.min(least + bound * random, LONGEST_SECONDS);
  }
}

// ------------------------------------------------------------------------------------------------------------ the client

/** A client that stays connected to a Switchboard cluster. */
export class Switchboard {
  #options;
  #url;
  #groups;
  /**
   * What join() was asked for besides.
   *
   * @type {Map<string, {history: number, watch: boolean}>}
   */
  #wishes = new Map();
  #token;
  #renewal;
  #policy = new ReconnectPolicy();
  #memory = new Memory();
  #inbox;
  #acks;
  #commands;
  /** @type {CommandGate | null} */
  #gate = null;
  #outbox;
  /** @type {'idle' | 'connecting' | 'online' | 'waiting' | 'stopped'} */
  #state = 'idle';
  /** @type {Link | null} */
  #link = null;
  /** Counts connect() and its ends; what belongs to an older run is not heard any more. */
  #run = 0;
  /** @type {Deferred | null} */
  #first = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  #waitsForInbox = false;
  /** @type {{interval: number, timeout: number} | null} */
  #heartbeat = null;
  /**
   * The newest offsets that arrived, whether handled yet or not.
   *
   * @type {Map<string, string>}
   */
  #arrived = new Map();
  /** @type {string | null} */
  #healthFrame = null;
  /** @type {string | undefined} */
  #clientId;
  #isLoaded = false;
  #flush = () => this.#memory.flush();

  /** @param {SwitchboardOptions} options */
  constructor(options) {
    this.#options = { ...options, random: options.random ?? Math.random };
    this.#url = endpoint(options.url);
    this.#clientId = options.clientId;
    this.#token = options.token;
    this.#groups = new Set(options.groups ?? []);
    if (this.#groups.size > MAX_GROUPS) throw new SwitchboardError('invalid_options', `at most ${MAX_GROUPS} groups`);
    if (typeof options.storage === 'string' && !isNode()) {
      throw new SwitchboardError('invalid_options', 'a file as storage needs Node; give something like localStorage');
    }
    const report = (/** @type {any} */ event) => this.#emit(event);
    this.#renewal = new Renewal({
      ask: () => (typeof this.#token === 'function' ? this.#token() : undefined),
      write: (token) => this.#write({ type: 'token', token }),
      onError: (error) => report({ type: 'error', error }),
      random: () => this.#options.random(),
    });
    this.#memory.onError = (error) => report({ type: 'error', error });
    this.#acks = new Acknowledger((offset) => {
      if (this.#state !== 'online') return false;
      this.#memory.flush();
      return this.#write({ type: 'ack', offset });
    });
    this.#inbox = new Inbox({
      limit: options.maxWaiting ?? 1000,
      limitBytes: options.maxWaitingBytes ?? 4 << 20,
      process: (item) => this.#process(item),
      onRoom: () => this.#inboxHasRoom(),
    });
    this.#commands = new CommandRunner({
      memory: this.#memory,
      handler: (name) => this.#handler(name),
      limit: options.maxOutgoingBytes ?? 64 << 10,
      link: () => (this.#state === 'online' ? this.#link : null),
      onError: (error, command) => report({ type: 'error', error, command }),
    });
    if (options.commandKeys !== undefined) {
      if (options.clientId === undefined || !options.storage) {
        throw new SwitchboardError('invalid_options', 'commandKeys need a clientId and a storage');
      }
      this.#gate = new CommandGate({
        keys: options.commandKeys,
        client: options.clientId,
        skew: options.commandClockSkew ?? 60,
        memory: this.#memory,
        runner: this.#commands,
        answer: (frame) => this.#state === 'online' && this.#link?.send(frame),
        onRefused: (code, ref, message) => report({ type: 'refused', code, message, ref }),
        onError: (error, command) => report({ type: 'error', error, command }),
      });
    }
    this.#outbox = new Outbox({
      rate: options.messageRate ?? 40,
      burst: options.messageBurst ?? 50,
      limit: options.maxOutgoingBytes ?? 64 << 10,
      write: (text) => this.#state === 'online' && this.#link !== null && this.#link.send(text),
    });
  }

  /** `idle`, `connecting`, `online`, `waiting` (for the next attempt) or `stopped`. */
  get state() {
    return this.#state;
  }

  /** The client's name; once connected, the one that the node knows it by. */
  get clientId() {
    return this.#clientId;
  }

  /**
   * Connects, and from then on reconnects until {@link close} is called or the node says for good that it will not have this
   * client. May be called again after either.
   *
   * @returns {Promise<SwitchboardEvent>} the first `connected`; rejected with a {@link SwitchboardError} when there is none
   */
  connect() {
    if (this.#first) return this.#first.promise;
    this.#first = deferred();
    // The outcome is also an event: whoever does not look at the promise has not missed it.
    this.#first.promise.catch(() => {});
    this.#policy.failures = 0;
    this.#state = 'connecting';
    this.#run += 1;
    const event = this.#first.promise;
    this.#start(this.#run);
    return event;
  }

  /**
   * Acknowledges what has been handled, says goodbye and stays away. Pushes that wait for the handler are dropped (durable ones
   * come again at the next connection), running commands are aborted, messages that nobody acknowledged are rejected.
   *
   * @returns {Promise<void>} fulfilled when the connection has ended
   */
  async close() {
    if (this.#state === 'stopped') return;
    const link = this.#link;
    this.#acks.flush();
    this.#end(new SwitchboardError('stopped', 'the client was closed'));
    await link?.close();
  }

  /**
   * Sends a message up. While there is no connection it waits; after a reconnect it is sent again with the same id, which the
   * cluster accepts once.
   *
   * @param {any} data any JSON value, or bytes (Uint8Array, ArrayBuffer)
   * @param {{id?: string, timeout?: number}} options `timeout`: seconds to wait over all reconnects, default 30
   * @returns {Promise<string>} the id, once a node has accepted the message; rejected with a {@link SwitchboardError}, after
   *   which a node may still have accepted it
   */
  async send(data, { id, timeout = 30 } = {}) {
    if (this.#state === 'stopped') throw new SwitchboardError('stopped', 'the client has stopped');
    return this.#outbox.send(data, id, timeout);
  }

  /**
   * Pushes something to a group, whose members see this client as its sender. While there is no connection it waits; after a
   * reconnect it is sent again with the same id, by which receivers know it.
   *
   * @param {string} group
   * @param {any} data any JSON value, or bytes (Uint8Array, ArrayBuffer)
   * @param {{durable?: boolean, id?: string, timeout?: number}} options `durable`: the group's history keeps it; `timeout`: seconds
   *   to wait over all reconnects, default 30
   * @returns {Promise<string>} the id, once a node has accepted it; rejected with a {@link SwitchboardError}, with the code
   *   `publish_forbidden` when the client may not
   */
  async publish(group, data, { durable = false, id, timeout = 30 } = {}) {
    if (this.#state === 'stopped') throw new SwitchboardError('stopped', 'the client has stopped');
    const head = `"type":"publish","group":${JSON.stringify(group)}${durable ? ',"durable":true' : ''}`;
    return this.#outbox.send(data, id, timeout, head);
  }

  /**
   * Enters a group, now and at every connection to come, unless an event `refused` with the code `forbidden` says that the
   * client may not.
   *
   * @param {string} group 1-128 characters of `A-Z a-z 0-9 . _ : @ -`
   * @param {{history?: number, watch?: boolean}} options `history`: how many of the newest durable pushes to the group come first,
   *   1-300 (after a reconnect the client goes on where it was instead); `watch`: tell who is in the group, by the events
   *   `members` and `presence`
   */
  join(group, { history = 0, watch = false } = {}) {
    const wish = { history: Math.min(Math.max(Math.trunc(history) || 0, 0), MAX_HISTORY), watch };
    const known = this.#wishes.get(group);
    if (this.#groups.has(group) && (known?.history ?? 0) === wish.history && (known?.watch ?? false) === watch) return;
    if (!this.#groups.has(group) && this.#groups.size >= MAX_GROUPS) {
      throw new SwitchboardError('too_many_groups', `at most ${MAX_GROUPS} groups`);
    }
    this.#groups.add(group);
    if (wish.history > 0 || watch) this.#wishes.set(group, wish);
    else this.#wishes.delete(group);
    this.#writeJoin(group);
  }

  /** @param {string} group */
  #writeJoin(group) {
    const { history = 0, watch = false } = this.#wishes.get(group) ?? {};
    this.#write({
      type: 'join',
      group,
      ...(history > 0 && this.#wantsHistory(group) ? { history } : {}),
      ...(watch ? { watch } : {}),
    });
  }

  /**
   * Named in the URL, the group's pushes would come before its history.
   *
   * @param {string} group
   */
  #wantsHistory(group) {
    return (this.#wishes.get(group)?.history ?? 0) > 0 && !this.#arrived.has(`group:${group}`);
  }

  /** @param {string} group */
  leave(group) {
    if (this.#giveUp(group)) this.#write({ type: 'leave', group });
  }

  /**
   * @param {string | undefined} group
   * @returns {boolean} whether it was one of ours
   */
  #giveUp(group) {
    if (group === undefined || !this.#groups.delete(group)) return false;
    this.#wishes.delete(group);
    this.#arrived.delete(`group:${group}`);
    this.#memory.setOffset(`group:${group}`, null);
    return true;
  }

  /**
   * Tells how the client is. The newest report is kept in presence, and told again after a reconnect.
   *
   * @param {Record<string, any>} data a JSON object of at most 4 KB
   */
  health(data) {
    const text = JSON.stringify(data);
    if (typeof data !== 'object' || data === null || Array.isArray(data) || text === undefined) {
      throw new SwitchboardError('invalid_payload', 'health must be an object');
    }
    if (utf8Length(text) > MAX_HEALTH_BYTES) {
      throw new SwitchboardError('too_large', `health may have ${MAX_HEALTH_BYTES} bytes`);
    }
    this.#healthFrame = `{"type":"health","data":${text}}`;
    if (this.#state === 'online') this.#link?.send(this.#healthFrame);
  }

  /**
   * Replaces a token that is about to expire; the connection stays. Where the option `token` is a function, that is done by
   * itself.
   *
   * @param {string} token used from now on, unless the option `token` is a function
   */
  renewToken(token) {
    if (typeof this.#token !== 'function') this.#token = token;
    this.#renewal.offer(token);
  }

  // ------------------------------------------------------------------------------------------------------ connecting

  /** @param {number} run */
  async #start(run) {
    try {
      if (!this.#isLoaded) await this.#load();
      this.#isLoaded = true;
    } catch (error) {
      if (run !== this.#run) return;
      if (error instanceof SwitchboardError) return this.#stop(error);
      const message = `the storage cannot be used: ${text(error)}`;
      return this.#stop(new SwitchboardError('invalid_options', message, { cause: error }));
    }
    if (run !== this.#run) return;
    // A page that goes away does not come back to a timer.
    if (!isNode()) globalThis.addEventListener?.('pagehide', this.#flush);
    await this.#attempt(run);
  }

  async #load() {
    const { storage, clientId } = this.#options;
    await this.#gate?.open();
    if (typeof storage === 'string') this.#memory.open(await FileJournal.at(storage));
    else if (storage) this.#memory.open(new KeyJournal(storage, `switchboard:${clientId ?? ''}`));
    for (const [channel, offset] of this.#memory.offsets) this.#arrived.set(channel, offset);
  }

  /** @param {number} run */
  async #attempt(run) {
    this.#state = 'connecting';
    /** @type {string | undefined} */
    let token;
    let groups;
    let socket;
    try {
      token = typeof this.#token === 'function' ? await this.#token() : this.#token;
      const SocketClass = this.#options.WebSocket ?? globalThis.WebSocket;
      const open = SocketClass
        ? (/** @type {string} */ url) => new SocketClass(url, SUBPROTOCOL)
        : await nodeSocket(this.#options.maxMessageBytes ?? 4 << 20);
      if (run !== this.#run) return;
      groups = new Set([...this.#groups].filter((group) => !this.#wantsHistory(group)));
      socket = open(this.#target(groups));
    } catch (error) {
      if (run === this.#run) this.#attemptFailed({ reason: text(error) });
      return;
    }
    this.#renewal.shown(token);
    this.#link = new Link(socket, {
      groups,
      connectTimeout: this.#options.connectTimeout ?? 10,
      helloTimeout: this.#options.helloTimeout ?? 10,
      hello: (link) => this.#hello(token, link.groups),
      onFrame: (frame, source, link) => this.#received(frame, source, link),
      onEnd: (ending, link) => this.#ended(ending, link),
    });
  }

  /** @param {Set<string>} groups */
  #target(groups) {
    const { labels = {} } = this.#options;
    const items = this.#url.search.length > 1 ? [this.#url.search.slice(1)] : [];
    if (this.#options.clientId !== undefined) items.push(`clientId=${encodeURIComponent(this.#options.clientId)}`);
    for (const group of groups) items.push(`group=${encodeURIComponent(group)}`);
    for (const [name, value] of Object.entries(labels)) {
      items.push(`label.${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    }
    items.push('hello=1');
    return `${this.#url.protocol}//${this.#url.host}${this.#url.pathname}?${items.join('&')}`;
  }

  /**
   * @param {string | undefined} token
   * @param {Set<string>} groups those that the URL named
   */
  #hello(token, groups) {
    const channels = ['all', ...Array.from(groups, (group) => `group:${group}`)];
    return {
      type: 'hello',
      token,
      clientId: this.#options.clientId,
      labels: this.#options.labels,
      version: this.#options.version ?? VERSION,
      slow: this.#options.slow === 'skip' ? 'skip' : undefined,
      resume: Object.fromEntries(channels.map((channel) => [channel, this.#arrived.get(channel) ?? ''])),
    };
  }

  /**
   * @param {Ending} ending
   * @param {Link} link
   */
  #ended(ending, link) {
    if (link !== this.#link) return undefined;
    const wasOnline = this.#state === 'online';
    this.#link = null;
    this.#renewal.stop();
    this.#commands.linkLost();
    if (!ending.wasOpen) return this.#attemptFailed(ending);
    const { code, reason, isLocal } = ending;
    if (!isLocal && code >= 4000 && code <= 4099) {
      const why = `the node closed the connection for good: ${reason || 'no reason given'} (${code})`;
      const error = new SwitchboardError('closed', why, { closeCode: code });
      return this.#leave({ type: 'disconnected', code, reason, retryIn: null }, error);
    }
    // Sent again, what the node finds too big would end every link to come.
    if (!isLocal && code === 1009) this.#giveUpLargest();
    this.#outbox.rewind();
    const delay = this.#policy.delay({
      lifetime: wasOnline ? ending.lifetime : undefined,
      atLeast: after(reason),
      moment: ending.moment,
      atOnce: !isLocal && code >= 4200 && code <= 4299,
      random: this.#options.random(),
    });
    return this.#retry({ type: 'disconnected', code, reason, retryIn: delay });
  }

  #giveUpLargest() {
    const message = this.#outbox.largestSent();
    const result = this.#memory.largestUnacked();
    if (message && (!result || message.text.length >= result.frame.length)) {
      this.#outbox.reject(message.id, new SwitchboardError('too_large', 'the node finds the message too big'));
    } else if (result) {
      this.#memory.finished(result.id, failure(result.id, 500, 'the node finds the result too big'));
    }
  }

  /** @param {{reason: string, status?: number, retryAfter?: number}} failure */
  #attemptFailed({ reason, status, retryAfter }) {
    if (status === 400 || status === 401 || status === 403) {
      const error = new SwitchboardError('refused', `the node refused the connection: ${reason}`, { status });
      return this.#leave({ type: 'attemptFailed', reason, status, retryIn: null }, error);
    }
    const delay = this.#policy.delay({ atLeast: retryAfter, random: this.#options.random() });
    return this.#retry({ type: 'attemptFailed', reason, ...(status === undefined ? {} : { status }), retryIn: delay });
  }

  /**
   * @param {any} event
   * @param {SwitchboardError} error
   */
  #leave(event, error) {
    const run = this.#run;
    this.#emit(event);
    // The handler of the event may have closed the client, or connected it anew.
    if (run === this.#run) this.#stop(error);
  }

  /** @param {any} event says in how many seconds to try again */
  #retry(event) {
    const run = this.#run;
    this.#state = 'waiting';
    this.#emit(event);
    if (run !== this.#run) return;
    this.#retryTimer = setTimeout(() => {
      // What is still waiting would only overflow again.
      if (this.#inbox.isBusy) this.#waitsForInbox = true;
      else this.#attempt(run);
    }, event.retryIn * 1000);
  }

  #inboxHasRoom() {
    if (!this.#waitsForInbox) return;
    this.#waitsForInbox = false;
    this.#attempt(this.#run);
  }

  /** @param {SwitchboardError} error */
  #stop(error) {
    this.#end(error);
    this.#emit({ type: 'stopped', error });
  }

  /**
   * Nothing is awaited any more.
   *
   * @param {SwitchboardError} error
   */
  #end(error) {
    this.#state = 'stopped';
    this.#run += 1;
    this.#link = null;
    clearTimeout(this.#retryTimer);
    this.#waitsForInbox = false;
    this.#renewal.stop();
    this.#acks.stop();
    this.#inbox.clear();
    // What was dropped must be asked for again.
    this.#arrived = new Map(this.#memory.offsets);
    this.#gate?.clear();
    this.#commands.abortAll(error);
    this.#outbox.rejectAll(error);
    this.#memory.flush();
    const first = this.#first;
    this.#first = null;
    first?.reject(error);
    if (!isNode()) globalThis.removeEventListener?.('pagehide', this.#flush);
  }

  // ---------------------------------------------------------------------------------------------------------- frames

  /**
   * @param {any} frame
   * @param {string} source its text
   * @param {Link} link
   */
  #received(frame, source, link) {
    if (link !== this.#link) return undefined;
    switch (frame.type) {
      case 'hello': return this.#greeted(frame, link);
      case 'ping': return link.send('{"type":"pong"}');
      case 'error': return this.#refused(frame);
      case 'goaway': return this.#goaway(frame, link);
    }
    if (this.#state !== 'online') {
      if (['push', 'command', 'ack', ...GROUP_FRAMES].includes(frame.type)) link.abandon(1002, 'hello must be the first frame');
      return undefined;
    }
    switch (frame.type) {
      case 'push': return this.#pushed(frame, source.length, link);
      case 'command':
        if (!this.#isWhole(frame, ['id', 'name'])) return undefined;
        return this.#gate ? this.#gate.receive(frame, source) : this.#commands.receive(frame, payload(frame));
      case 'members':
      case 'presence':
      case 'missed':
        if (!this.#isWhole(frame, [frame.type === 'missed' ? 'channel' : 'group'])) return undefined;
        // In one order with the pushes.
        if (!this.#inbox.add(Symbol(frame.type), { event: frame }, source.length)) return this.#overflow(link);
        return undefined;
      case 'cancel':
        this.#gate?.cancel(frame.id);
        return this.#commands.cancel(frame.id);
      case 'ack':
        if (frame.ref === TOKEN_REFERENCE && this.#renewal.accepted()) return undefined;
        if (!this.#outbox.acknowledged(frame.ref)) this.#memory.acknowledged(frame.ref);
        return undefined;
    }
    return undefined;
  }

  /**
   * @param {any} frame
   * @param {string[]} names
   */
  #isWhole(frame, names) {
    const missing = names.find((name) => typeof frame[name] !== 'string');
    if (missing === undefined) return true;
    this.#emit({ type: 'refused', code: 'invalid_frame', message: `a ${frame.type} of the node lacks '${missing}'` });
    return false;
  }

  /**
   * @param {any} hello
   * @param {Link} link
   */
  #greeted(hello, link) {
    this.#heartbeat = {
      interval: bounded(Number(hello.heartbeat?.interval ?? 0)),
      timeout: bounded(Number(hello.heartbeat?.timeout ?? 0)),
    };
    link.watch(this.#heartbeat);
    if (hello.reconnect) {
      this.#policy.minimum = Math.max(bounded(Number(hello.reconnect.min)), 0.01);
      this.#policy.maximum = Math.max(bounded(Number(hello.reconnect.max)), this.#policy.minimum);
    }
    // The node was cut off itself, and tells what its clients have missed.
    if (this.#state === 'online') return this.#takeStock(hello.channels ?? {}, link);
    // An offset belongs to the mailbox of the client that it was given to.
    if (this.#clientId !== hello.clientId) this.#acks.stop();
    this.#clientId = hello.clientId;
    this.#state = 'online';
    this.#takeStock(hello.channels ?? {}, link);
    if (this.#link !== link) return;
    /** @type {SwitchboardEvent} */
    const event = {
      type: 'connected',
      clientId: hello.clientId,
      session: hello.session,
      node: hello.node,
      epoch: hello.epoch,
      recovered: hello.recovered === true,
    };
    this.#emit(event);
    this.#first?.resolve(event);
    if (this.#link !== link) return;
    this.#acks.flush();
    this.#commands.linkReady();
    this.#outbox.flush();
    this.#renewal.start();
    if (this.#healthFrame !== null) link.send(this.#healthFrame);
    for (const group of this.#groups) {
      if (!link.groups.has(group) || this.#wishes.get(group)?.watch) this.#writeJoin(group);
    }
    for (const group of link.groups) if (!this.#groups.has(group)) this.#write({ type: 'leave', group });
  }

  /**
   * Where the histories stand, as hello says.
   *
   * @param {Record<string, {recovered?: boolean, offset?: string}>} channels
   * @param {Link} link
   */
  #takeStock(channels, link) {
    for (const [channel, { recovered, offset }] of Object.entries(channels)) {
      if (recovered === false) {
        // Told in the order of the pushes; until it is told, the old offset stands, so that it is not forgotten.
        if (!this.#inbox.add(Symbol(channel), { channel, offset, isMissed: true }, 0)) return this.#overflow(link);
      } else if (this.#arrived.has(channel)) {
        continue;  // what was missed follows, and brings its offsets
      } else if (offset) {
        this.#memory.setOffset(channel, offset);
      }
      // Without another one the old offset is the better one: to have none would mean to have missed nothing.
      if (offset) this.#arrived.set(channel, offset);
    }
    return undefined;
  }

  /**
   * A push that finds no room must not be lost silently: durable ones come again.
   *
   * @param {Link} link
   */
  #overflow(link) {
    link.abandon(4101, 'the handler of pushes is too slow');
  }

  /**
   * @param {any} frame
   * @param {number} size
   * @param {Link} link
   */
  #pushed(frame, size, link) {
    if (!this.#isWhole(frame, ['id', 'channel'])) return undefined;
    const waiting = this.#inbox.get(frame.id);
    if (waiting) {
      // Delivered again while the handler is still busy: the answer goes to the link that asks now.
      waiting.link = link;
      waiting.wantsAck = frame.ack === true;
      return undefined;
    }
    const { id, channel, offset } = frame;
    // Handlers run in order, so everything before it has been handled, too.
    if (this.#memory.isHandled(id)) return this.#confirm({ id, channel, offset, wantsAck: frame.ack === true, link });
    /** @type {Push} */
    const push = { id, channel, data: payload(frame), durable: offset !== undefined, ...trace(frame) };
    if (typeof frame.from === 'string') push.from = frame.from;
    const item = { id, push, channel, offset, wantsAck: frame.ack === true, link };
    if (!this.#inbox.add(id, item, size)) return this.#overflow(link);
    if (offset !== undefined && channel !== 'client') this.#arrived.set(channel, offset);
    return undefined;
  }

  /**
   * The next of what waits, in order.
   *
   * @param {any} item
   */
  async #process(item) {
    const { channel, offset, push } = item;
    if (item.event) {
      await this.#emit(item.event);
      return;
    }
    if (item.isMissed) {
      await this.#emit({ type: 'missed', channel });
      if (offset) this.#memory.setOffset(channel, offset);
      return;
    }
    try {
      await this.#options.onPush?.(push);
    } catch (error) {
      this.#emit({ type: 'error', error, push });
    }
    const isHistory = offset !== undefined && channel !== 'client' && this.#isIn(channel);
    this.#memory.handled(push.id, isHistory ? channel : undefined, isHistory ? offset : undefined);
    this.#confirm(item);
  }

  /**
   * A push has been handled, now or earlier.
   *
   * @param {{id: string, channel: string, offset?: string, wantsAck: boolean, link: Link}} item
   */
  #confirm({ id, channel, offset, wantsAck, link }) {
    if (offset !== undefined && channel === 'client') this.#acks.handled(offset);
    if (!wantsAck || link !== this.#link) return;
    this.#memory.flush();
    this.#write({ type: 'ack', id });
  }

  /** @param {string} channel */
  #isIn(channel) {
    return channel === 'all' || this.#groups.has(channel.slice('group:'.length));
  }

  /** @param {any} frame */
  #refused({ code, message, ref }) {
    if (ref === TOKEN_REFERENCE && this.#renewal.rejected()) {
      this.#emit({ type: 'refused', code, message, ref });
      return;
    }
    const isMessage = ref !== undefined && this.#outbox.reject(ref, new SwitchboardError(code, `${code}: ${message}`));
    if (isMessage) return;
    // A result that the node does not want is not offered again.
    if (ref !== undefined) this.#memory.acknowledged(ref);
    // Named again in the next URL, a group that is not allowed would be the end of this client.
    if (code === 'forbidden') this.#giveUp(ref);
    this.#emit({ type: 'refused', code, message, ...(ref === undefined ? {} : { ref }) });
  }

  /**
   * @param {any} frame
   * @param {Link} link
   */
  #goaway({ reason, reconnectAfter }, link) {
    const seconds = bounded(Number(reconnectAfter));
    link.leaveIn(seconds);
    this.#emit({ type: 'goaway', reason, reconnectAfter: seconds });
  }

  /** @param {string} name */
  #handler(name) {
    const { commands, onCommand } = this.#options;
    return commands && Object.hasOwn(commands, name) ? commands[name] : onCommand;
  }

  /**
   * @param {object} frame
   * @returns {boolean} whether it was handed to a socket
   */
  #write(frame) {
    return this.#state === 'online' && this.#link !== null && this.#link.send(JSON.stringify(frame));
  }

  /** @param {SwitchboardEvent} event */
  async #emit(event) {
    try {
      await this.#options.onEvent?.(event);
    } catch (error) {
      console.error('switchboard: onEvent failed', error);
    }
  }
}

// ----------------------------------------------------------------------------------------------------------------- tokens

/** Gives the node a new token before the old one ends. The times of what is no JWT are not known, so it is left alone. */
class Renewal {
  #owner;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {string | undefined} */
  #shown;
  /**
   * The node has not answered yet.
   *
   * @type {string | undefined}
   */
  #offered;
  /** What a link that has ended asked for is not wanted any more. */
  #link = 0;

  /**
   * @param {{ask: () => any, write: (token: string) => boolean, onError: (error: any) => void, random: () => number}} owner
   */
  constructor(owner) {
    this.#owner = owner;
  }

  /** @param {string | undefined} token of a new link */
  shown(token) {
    this.#shown = token;
    this.#offered = undefined;
  }

  /** The link is open, or the node has taken a token: the next is asked for when 75 to 85 % of its time are over. */
  start() {
    clearTimeout(this.#timer);
    const left = expiry(this.#shown) - Date.now() / 1000;
    // With less left the node closes with 4105, and the next connection brings a new token.
    if (!(left > 1)) return;
    const seconds = Math.min(left * (0.75 + 0.1 * this.#owner.random()), LONGEST_SECONDS);
    this.#timer = setTimeout(() => this.#renew(this.#link), seconds * 1000);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#link += 1;
  }

  /** @param {string} token */
  offer(token) {
    if (token !== this.#shown && token !== this.#offered && this.#owner.write(token)) this.#offered = token;
  }

  /** @returns {boolean} whether it was a token that the node has taken */
  accepted() {
    if (this.#offered === undefined) return false;
    this.shown(this.#offered);
    this.start();
    return true;
  }

  /** @returns {boolean} whether it was a token that the node has refused; the older one stands */
  rejected() {
    const isToken = this.#offered !== undefined;
    this.#offered = undefined;
    return isToken;
  }

  /** @param {number} link */
  async #renew(link) {
    let token;
    try {
      token = await this.#owner.ask();
    } catch (error) {
      if (link === this.#link) this.#owner.onError(error);
    }
    if (link !== this.#link) return;
    if (typeof token === 'string') this.offer(token);
    this.start();
  }
}

/**
 * When a JWT ends, in Unix time; NaN for what is none.
 *
 * @param {string | undefined} token
 */
function expiry(token) {
  try {
    const claims = token?.split('.')[1] ?? '';
    return Number(JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))).exp);
  } catch {
    return NaN;
  }
}

// --------------------------------------------------------------------------------------------------------------- one link

/**
 * How a link ended. `wasOpen` is false when the WebSocket never opened; `lifetime` counts the seconds since hello; `moment` is
 * what is left of a goaway's time.
 *
 * @typedef {{wasOpen: boolean, code: number, reason: string, isLocal: boolean, lifetime?: number, moment?: number,
 *   status?: number, retryAfter?: number}} Ending
 */

/** One WebSocket from its opening to its end, and its timers. */
class Link {
  #socket;
  #owner;
  /** @type {'connecting' | 'opening' | 'online' | 'closing' | 'ended'} */
  #phase = 'connecting';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaveTimer;
  #lastTraffic = 0;
  #silence = 0;
  #grace = 0;
  /** @type {number | undefined} */
  #since;
  /** @type {number | undefined} */
  #leaveAt;
  #end = deferred();

  /**
   * @param {any} socket a WebSocket
   * @param {{groups: Set<string>, connectTimeout: number, helloTimeout: number, hello: (link: Link) => object,
   *   onFrame: (frame: any, source: string, link: Link) => void, onEnd: (ending: Ending, link: Link) => void}} owner
   */
  constructor(socket, owner) {
    this.#socket = socket;
    this.#owner = owner;
    /** The groups that the URL named. */
    this.groups = owner.groups;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#opened();
    socket.onmessage = (/** @type {{data: any}} */ { data }) => this.#message(data);
    socket.onerror = (/** @type {any} */ { message }) => this.#failed(message);
    socket.onclose = (/** @type {any} */ event) => this.#closed(event);
    socket.ontraffic = () => this.#traffic();
    this.#expect(owner.connectTimeout, () => this.abandon(1006, `no connection within ${owner.connectTimeout} s`));
  }

  /** Bytes that the socket holds. */
  get unsent() {
    return this.#socket.bufferedAmount ?? 0;
  }

  /**
   * @param {string} frame
   * @returns {boolean} whether the socket took it
   */
  send(frame) {
    if (this.#phase !== 'opening' && this.#phase !== 'online') return false;
    if (this.unsent > MAX_UNSENT_BYTES) {
      this.abandon(1006, 'the node does not read');
      return false;
    }
    this.#socket.send(frame);
    return true;
  }

  /**
   * From the node's hello on: silence longer than interval + timeout is a dead link.
   *
   * @param {{interval: number, timeout: number}} heartbeat seconds; an interval of 0: the node sends none
   */
  watch({ interval, timeout }) {
    this.#phase = 'online';
    this.#since ??= performance.now();
    this.#silence = interval > 0 ? Math.max((interval + timeout) * 1000, 50) : 0;
    this.#grace = Math.min(timeout * 1000, 2000);
    clearTimeout(this.#timer);
    if (this.#silence > 0) this.#listen(this.#silence, false);
  }

  /** @param {number} seconds */
  leaveIn(seconds) {
    this.#leaveAt = performance.now() + seconds * 1000;
    clearTimeout(this.#leaveTimer);
    this.#leaveTimer = setTimeout(() => {
      this.#leaveAt = 0;  // a timer may be called a little early
      this.abandon(1000, 'as told by goaway');
    }, seconds * 1000);
  }

  /** Says goodbye; fulfilled when the connection has ended, or would not end in time. */
  close() {
    if (this.#phase === 'connecting') this.abandon(1000, '');
    else if (this.#phase !== 'ended' && this.#phase !== 'closing') {
      this.#phase = 'closing';
      this.#socket.close(1000);
      this.#expect(3, () => this.abandon(1000, ''));
    }
    return this.#end.promise;
  }

  /**
   * Gives the link up without waiting for the other end.
   *
   * @param {number} code what the close frame says, if a browser lets it
   * @param {string} reason at most 123 bytes
   * @param {string} [detail] for the owner's eyes
   */
  abandon(code, reason, detail) {
    if (this.#phase === 'ended') return;
    const socket = this.#socket;
    for (const name of ['onopen', 'onmessage', 'onclose', 'ontraffic']) socket[name] = null;
    if (code === 1000 || code >= 3000) socket.close(code, reason);
    else socket.close();
    this.#finish({ code, reason: detail === undefined ? reason : `${reason}: ${detail}`, isLocal: true });
  }

  /**
   * @param {number} seconds
   * @param {() => void} act
   */
  #expect(seconds, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, seconds * 1000);
  }

  #opened() {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'opening';
    const { helloTimeout } = this.#owner;
    this.#expect(helloTimeout, () => this.abandon(1006, `no hello within ${helloTimeout} s`));
    this.send(JSON.stringify(this.#owner.hello(this)));
  }

  /**
   * A close event follows, except that some versions of Node leave it out when the handshake fails.
   *
   * @param {string} [reason]
   */
  async #failed(reason = '') {
    if (this.#phase !== 'connecting') return;
    await turn();
    this.#closed({ code: 1006, reason });
  }

  #traffic() {
    this.#lastTraffic = performance.now();
  }

  /**
   * Judges the silence when it may be too long. A timer that is called late (a busy loop, a machine that slept) proves
   * nothing: what arrived may wait behind it.
   *
   * @param {number} milliseconds
   * @param {boolean} isGrace
   */
  #listen(milliseconds, isGrace) {
    const due = performance.now() + milliseconds;
    this.#timer = setTimeout(() => {
      const now = performance.now();
      const left = this.#lastTraffic + this.#silence - now;
      if (left > 0) this.#listen(left, false);
      else if (!isGrace && now - due > 250) this.#listen(this.#grace, true);
      else this.abandon(1006, `nothing heard for ${this.#silence / 1000} s`);
    }, milliseconds);
  }

  /** @param {any} data */
  #message(data) {
    this.#traffic();
    if (this.#phase !== 'opening' && this.#phase !== 'online' && this.#phase !== 'closing') return;
    let frame;
    try {
      frame = typeof data === 'string' ? JSON.parse(data) : null;
    } catch {
      frame = null;
    }
    if (typeof frame?.type !== 'string') return this.abandon(4006, 'not a framed message');
    try {
      this.#owner.onFrame(frame, data, this);
    } catch (error) {
      this.abandon(4006, 'not a framed message', text(error));
    }
  }

  /** @param {any} event */
  #closed({ code, reason, refusal, isLocal = false }) {
    if (this.#phase === 'ended') return;
    const fallback = this.#phase === 'connecting' ? 'the connection could not be made' : 'the connection was lost';
    this.#finish({ code, reason: reason || (code === 1006 ? fallback : ''), isLocal, ...refusal });
  }

  /** @param {{code: number, reason: string, isLocal: boolean, status?: number, retryAfter?: number}} ending */
  #finish(ending) {
    const wasOpen = this.#phase !== 'connecting';
    this.#phase = 'ended';
    clearTimeout(this.#timer);
    clearTimeout(this.#leaveTimer);
    const now = performance.now();
    const lifetime = this.#since === undefined ? undefined : (now - this.#since) / 1000;
    const moment = this.#leaveAt === undefined ? undefined : Math.max(0, (this.#leaveAt - now) / 1000);
    this.#end.resolve();
    this.#owner.onEnd({ ...ending, wasOpen, lifetime, moment }, this);
  }
}

// ----------------------------------------------------------------------------------------------------------------- pushes

/** What waits for the handler, one after the other. Bounded; who offers more hears that there is no room. */
class Inbox {
  #owner;
  /**
   * In the order of arrival, by id.
   *
   * @type {Map<string | symbol, any>}
   */
  #items = new Map();
  #bytes = 0;
  #isRunning = false;

  /** @param {{limit: number, limitBytes: number, process: (item: any) => Promise<void>, onRoom: () => void}} owner */
  constructor(owner) {
    this.#owner = owner;
  }

  /** Whether more than half of it is in use. */
  get isBusy() {
    return this.#items.size > this.#owner.limit / 2 || this.#bytes > this.#owner.limitBytes / 2;
  }

  /** @param {string} id */
  get(id) {
    return this.#items.get(id);
  }

  /**
   * @param {string | symbol} id
   * @param {any} item
   * @param {number} size
   */
  add(id, item, size) {
    const isEmpty = this.#items.size === 0;
    if (!isEmpty && (this.#items.size >= this.#owner.limit || this.#bytes + size > this.#owner.limitBytes)) return false;
    this.#items.set(id, { ...item, size });
    this.#bytes += size;
    if (!this.#isRunning) this.#drain();
    return true;
  }

  clear() {
    this.#items.clear();
    this.#bytes = 0;
  }

  async #drain() {
    this.#isRunning = true;
    let yieldedAt = performance.now();
    for (const [id, item] of this.#items) {
      await this.#owner.process(item);
      if (this.#items.get(id) === item) {
        this.#items.delete(id);
        this.#bytes -= item.size;
        if (!this.isBusy) this.#owner.onRoom();
      }
      // Handlers that never wait must not keep the socket's events waiting.
      if (performance.now() - yieldedAt > 10) {
        await turn();
        yieldedAt = performance.now();
      }
    }
    this.#isRunning = false;
  }
}

/** Cumulative acks of the mailbox: at once when there was none for a while, otherwise after 64 pushes or 50 ms. */
class Acknowledger {
  #send;
  /** @type {string | null} */
  #offset = null;
  #count = 0;
  #sentAt = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(offset: string) => boolean} send tells whether it was sent */
  constructor(send) {
    this.#send = send;
  }

  /** @param {string} offset */
  handled(offset) {
    this.#offset = offset;
    this.#count += 1;
    const wait = this.#sentAt + ACK_WITHIN_MS - performance.now();
    if (this.#count >= ACK_EVERY || wait <= 0) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  /** What cannot be sent waits for the next link. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#offset === null || !this.#send(this.#offset)) return;
    this.#offset = null;
    this.#count = 0;
    this.#sentAt = performance.now();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#offset = null;
    this.#count = 0;
  }
}

// --------------------------------------------------------------------------------------------------------------- commands

/**
 * What is known of a command besides its frame: the key that signed it, and a result instead of it when its time came too late.
 *
 * @typedef {{signedBy?: string, refuse?: () => string | undefined}} Admission
 */

/** Runs at most 8 commands at a time, each id once, and sends what they say in order. */
class CommandRunner {
  #owner;
  /** @type {Map<string, {frame: any, data: any, admission: Admission}>} */
  #queue = new Map();
  /** @type {Map<string, AbortController>} */
  #running = new Map();
  /**
   * Pieces and results on their way to the socket.
   *
   * @type {{id: string, text: string, isResult: boolean, done?: Deferred}[]}
   */
  #outgoing = [];
  #outputs = 0;
  #outputBytes = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {{memory: Memory, limit: number, handler: (name: string) => ((command: Command) => any) | undefined,
   *   link: () => Link | null, onError: (error: any, name: string) => void}} owner
   */
  constructor(owner) {
    this.#owner = owner;
  }

  /**
   * @param {any} frame
   * @param {any} data
   * @param {Admission} [admission]
   */
  receive(frame, data, admission = {}) {
    const { memory } = this.#owner;
    const known = memory.result(frame.id);
    if (known?.frame) {
      memory.unacknowledged(frame.id);
      return this.#enqueueResult(frame.id, known.frame);
    }
    if (known || this.#queue.has(frame.id)) return undefined;
    if (this.#running.size < MAX_COMMANDS) return this.#start(frame, data, admission);
    if (this.#queue.size < MAX_QUEUED_COMMANDS) this.#queue.set(frame.id, { frame, data, admission });
    else this.#enqueueResult(frame.id, failure(frame.id, 429, 'too many commands wait'));
    return undefined;
  }

  /** @param {string} id */
  isWaiting(id) {
    return this.#queue.has(id);
  }

  /**
   * A command has ended before it began.
   *
   * @param {string} id
   * @param {string} frame its result
   */
  conclude(id, frame) {
    if (!this.#owner.memory.result(id)) this.#finish(id, frame);
  }

  /** @param {string} id */
  cancel(id) {
    if (this.#queue.delete(id)) this.#finish(id, failure(id, 499, 'cancelled'));
    else this.#running.get(id)?.abort(new SwitchboardError('cancelled', 'cancelled'));
  }

  /** @param {any} reason */
  abortAll(reason) {
    this.#queue.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { done } of this.#outgoing.splice(0)) done?.reject(reason);
    this.#outputs = this.#outputBytes = 0;
    for (const controller of this.#running.values()) controller.abort(reason);
  }

  /** Results are kept elsewhere and sent again; pieces that no socket took wait for the next link. */
  linkLost() {
    this.#outgoing = this.#outgoing.filter(({ isResult }) => !isResult);
  }

  /** The node has said hello. */
  linkReady() {
    for (const { id, frame } of this.#owner.memory.unackedResults()) this.#outgoing.push({ id, text: frame, isResult: true });
    this.#pump();
  }

  /**
   * @param {any} frame
   * @param {any} data
   * @param {Admission} admission
   */
  async #start(frame, data, { signedBy }) {
    const { id, name, timeout } = frame;
    const controller = new AbortController();
    const { signal } = controller;
    const seconds = bounded(Number(timeout ?? 0));
    const timer = seconds > 0
      ? setTimeout(() => controller.abort(new SwitchboardError('timeout', 'the time is over')), seconds * 1000) : undefined;
    this.#running.set(id, controller);
    // Written before it runs: a command that a crash interrupted is not run again.
    this.#owner.memory.started(id);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      this.#dropOutputs(id, signal.reason);
    });
    const run = { isOver: false };
    const output = (/** @type {any} */ piece) => this.#output(id, piece, run, signal);
    const result = await this.#outcome({ id, name, data, timeout: seconds, ...trace(frame), ...(signedBy && { signedBy }), signal, output });
    run.isOver = true;
    clearTimeout(timer);
    this.#running.delete(id);
    this.#finish(id, result);
    for (const [next, { frame, data: nextData, admission }] of this.#queue) {
      if (this.#running.size >= MAX_COMMANDS) break;
      this.#queue.delete(next);
      const tooLate = admission.refuse?.();
      if (tooLate) this.#finish(next, tooLate);
      else this.#start(frame, nextData, admission);
    }
  }

  /**
   * @param {Command} command
   * @returns {Promise<string>} the frame of the result
   */
  async #outcome(command) {
    const { id, name, signal } = command;
    const handler = this.#owner.handler(name);
    if (!handler) return failure(id, 404, 'unknown command');
    try {
      const value = await handler(command);
      const { status, data } = value instanceof CommandResult ? value : new CommandResult(200, value);
      const rest = data === undefined ? '' : `,${member(data)}`;
      const frame = `{"type":"result","id":${JSON.stringify(id)},"status":${status}${rest}}`;
      if (utf8Length(frame) <= this.#owner.limit) return frame;
      throw new SwitchboardError('too_large', `a result may have ${this.#owner.limit} bytes`);
    } catch (/** @type {any} */ error) {
      if (signal.aborted) return failure(id, signal.reason?.code === 'timeout' ? 504 : 499, text(signal.reason));
      const isStatus = Number.isInteger(error?.status) && error.status >= 100 && error.status <= 599;
      this.#owner.onError(error, name);
      return failure(id, isStatus ? error.status : 500, text(error));
    }
  }

  /**
   * @param {string} id
   * @param {string} frame
   */
  #finish(id, frame) {
    this.#owner.memory.finished(id, frame);
    this.#enqueueResult(id, frame);
  }

  /**
   * @param {string} id
   * @param {string} frame
   */
  #enqueueResult(id, frame) {
    // Without a link nothing is queued: linkReady() sends what is not acknowledged.
    if (!this.#owner.link() || this.#outgoing.some((item) => item.isResult && item.id === id)) return;
    this.#outgoing.push({ id, text: frame, isResult: true });
    this.#pump();
  }

  /**
   * @param {string} id
   * @param {any} piece
   * @param {{isOver: boolean}} run
   * @param {AbortSignal} signal
   */
  #output(id, piece, run, signal) {
    signal.throwIfAborted();
    if (run.isOver) throw new SwitchboardError('ended', 'the command has ended');
    const frame = `{"type":"output","id":${JSON.stringify(id)},${member(piece)}}`;
    if (utf8Length(frame) > this.#owner.limit) {
      throw new SwitchboardError('too_large', `a piece may have ${this.#owner.limit} bytes`);
    }
    if (this.#outputs >= MAX_OUTPUTS || this.#outputBytes + frame.length > MAX_OUTPUT_BYTES) {
      throw new SwitchboardError('output_full', 'too many pieces wait; await each output()');
    }
    const done = deferred();
    done.promise.catch(() => {});
    this.#outputs += 1;
    this.#outputBytes += frame.length;
    this.#outgoing.push({ id, text: frame, isResult: false, done });
    this.#pump();
    return done.promise;
  }

  /**
   * @param {string} id
   * @param {any} reason
   */
  #dropOutputs(id, reason) {
    this.#outgoing = this.#outgoing.filter((item) => {
      if (item.isResult || item.id !== id) return true;
      this.#uncount(item.text);
      item.done?.reject(reason);
      return false;
    });
  }

  /** @param {string} frame */
  #uncount(frame) {
    this.#outputs -= 1;
    this.#outputBytes -= frame.length;
  }

  #pump() {
    while (this.#outgoing.length > 0) {
      const link = this.#owner.link();
      if (!link) return;
      // A WebSocket tells nobody when it has room again, so it is asked.
      if (link.unsent > MAX_OUTPUT_BYTES) {
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#pump();
        }, 20);
        return;
      }
      const item = this.#outgoing[0];
      if (!link.send(item.text)) return;
      this.#outgoing.shift();
      if (!item.isResult) this.#uncount(item.text);
      item.done?.resolve();
    }
  }
}

// --------------------------------------------------------------------------------------------------------------- messages

/** Messages that the node has not acknowledged yet, in their order, with a token bucket against the node's message rate. */
class Outbox {
  #owner;
  /** @type {Map<string, {id: string, text: string, isSent: boolean, done: Deferred, timer: ReturnType<typeof setTimeout>}>} */
  #entries = new Map();
  #bytes = 0;
  #tokens;
  #filledAt = performance.now();
  #prefix = `js-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 12)}`;
  #count = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{rate: number, burst: number, limit: number, write: (text: string) => boolean}} owner */
  constructor(owner) {
    this.#owner = owner;
    this.#tokens = owner.burst;
  }

  /**
   * @param {any} data
   * @param {string | undefined} given
   * @param {number} timeout
   * @param {string} head the members that say what it is
   */
  send(data, given, timeout, head = '"type":"message"') {
    const id = given ?? `${this.#prefix}-${(this.#count += 1)}`;
    const frame = `{${head},"id":${JSON.stringify(id)},${member(data)}}`;
    const { limit } = this.#owner;
    if (utf8Length(frame) > limit) throw new SwitchboardError('too_large', `a message may have ${limit} bytes`);
    if (this.#entries.has(id)) throw new SwitchboardError('duplicate_id', `a message with the id '${id}' is still waiting`);
    if (this.#entries.size >= MAX_OUTBOX || this.#bytes + frame.length > MAX_OUTBOX_BYTES) {
      throw new SwitchboardError('outbox_full', 'too many messages wait for their acknowledgement');
    }
    const done = deferred();
    const expire = () => this.reject(id, new SwitchboardError('timeout', 'no acknowledgement in time'));
    const timer = setTimeout(expire, bounded(timeout) * 1000);
    this.#entries.set(id, { id, text: frame, isSent: false, done, timer });
    this.#bytes += frame.length;
    this.flush();
    return done.promise;
  }

  /** Sends what may leave now, and sets the timer for what the rate holds back. */
  flush() {
    clearTimeout(this.#timer);
    const { rate, burst, write } = this.#owner;
    const now = performance.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
    for (const entry of this.#entries.values()) {
      if (entry.isSent) continue;
      if (rate > 0 && this.#tokens < 1) {
        this.#timer = setTimeout(() => this.flush(), ((1 - this.#tokens) / rate) * 1000 + 1);
        return;
      }
      if (!write(entry.text)) return;
      entry.isSent = true;
      if (rate > 0) this.#tokens -= 1;
    }
  }

  /** The link was lost: everything has to be sent again. */
  rewind() {
    clearTimeout(this.#timer);
    for (const entry of this.#entries.values()) entry.isSent = false;
  }

  /** @param {string} id */
  acknowledged(id) {
    const entry = this.#remove(id);
    entry?.done.resolve(id);
    return entry !== undefined;
  }

  /**
   * @param {string} id
   * @param {SwitchboardError} error
   */
  reject(id, error) {
    const entry = this.#remove(id);
    entry?.done.reject(error);
    return entry !== undefined;
  }

  /** @param {SwitchboardError} error */
  rejectAll(error) {
    clearTimeout(this.#timer);
    for (const id of [...this.#entries.keys()]) this.reject(id, error);
  }

  largestSent() {
    let largest;
    for (const entry of this.#entries.values()) {
      if (entry.isSent && entry.text.length > (largest?.text.length ?? 0)) largest = entry;
    }
    return largest;
  }

  /** @param {string} id */
  #remove(id) {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    clearTimeout(entry.timer);
    this.#entries.delete(id);
    this.#bytes -= entry.text.length;
    return entry;
  }
}

// -------------------------------------------------------------------------------------------------------- signed commands

/**
 * Lets in commands that were signed for this client, each once. What it refuses is answered with the status 401 and leaves no
 * trace in the memory, so nobody can fill it without a key. The rules are in docs/protocol.md.
 */
class CommandGate {
  #owner;
  /** @type {Map<string, {algorithm: string, key: CryptoKey}>} */
  #keys = new Map();
  /** @type {any} */
  #subtle;
  /** Checks take their turns, so that commands begin in the order in which they came. */
  #last = Promise.resolve();
  /** @type {Set<{id: string, isCancelled: boolean}>} */
  #checks = new Set();

  /**
   * @param {{keys: string | string[], client: string, skew: number, memory: Memory, runner: CommandRunner,
   *   answer: (frame: string) => void, onRefused: (code: string, id: string, message: string) => void,
   *   onError: (error: any, name: string) => void}} owner
   */
  constructor(owner) {
    this.#owner = owner;
    if (!(owner.skew >= 0 && owner.skew <= LARGEST_SKEW)) {
      throw new SwitchboardError('invalid_options', `commandClockSkew must be 0...${LARGEST_SKEW} seconds`);
    }
  }

  /** Reads the keys. */
  async open() {
    const crypto = globalThis.crypto ?? (isNode()
      ? (await import(/* @vite-ignore */ /* webpackIgnore: true */ 'node:crypto')).webcrypto : undefined);
    this.#subtle = crypto?.subtle;
    if (!this.#subtle) {
      throw new SwitchboardError('unsupported', 'signed commands need WebCrypto, which a page has only over https');
    }
    this.#keys.clear();
    const lines = [this.#owner.keys].flat().join('\n').split('\n').map((line) => line.trim());
    for (const line of lines.filter((line) => line !== '' && !line.startsWith('#'))) await this.#add(line.split(/\s+/));
    if (this.#keys.size === 0) throw new SwitchboardError('invalid_options', 'there is no key in commandKeys');
  }

  /** @param {string[]} words */
  async #add([kind, id, text, ...rest]) {
    const bytes = base64url(text ?? '');
    if (rest.length > 0 || !isName(id) || !bytes) {
      throw new SwitchboardError('invalid_options', 'an entry of commandKeys is no key: KIND ID BASE64URL is expected');
    }
    if (this.#keys.has(id)) throw new SwitchboardError('invalid_options', `there are two keys with the id ${id}`);
    if (kind === 'switchboard-ed25519-public' && bytes.length === 32) {
      try {
        const key = await this.#subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify']);
        this.#keys.set(id, { algorithm: 'Ed25519', key });
      } catch (error) {
        throw new SwitchboardError('unsupported', 'Ed25519 is not known here; use a newer browser, or a shared secret',
          { cause: error });
      }
    } else if (kind === 'switchboard-hmac-sha256-secret' && bytes.length >= 32 && bytes.length <= 64) {
      const algorithm = { name: 'HMAC', hash: 'SHA-256' };
      this.#keys.set(id, { algorithm: 'HMAC', key: await this.#subtle.importKey('raw', bytes, algorithm, false, ['verify']) });
    } else if (kind === 'switchboard-ed25519-private') {
      throw new SwitchboardError('invalid_options', `${id} is a private key: clients get the public one, the .pub file`);
    } else {
      throw new SwitchboardError('invalid_options', `the key ${id} cannot be used`);
    }
  }

  /**
   * @param {any} frame
   * @param {string} source its text
   */
  receive(frame, source) {
    if (this.#checks.size >= MAX_CHECKS) return this.#answer(failure(frame.id, 429, 'too many commands wait'));
    const check = { id: frame.id, isCancelled: false };
    this.#checks.add(check);
    this.#last = this.#last.then(async () => {
      // Cleared: the client was closed.
      if (this.#checks.has(check)) await this.#judge(frame, source, check);
    }).catch((error) => this.#owner.onError(error, frame.name)).then(() => {
      this.#checks.delete(check);
    });
    return undefined;
  }

  /**
   * The caller gave up on a command that may wait to be checked.
   *
   * @param {string} id
   */
  cancel(id) {
    for (const check of this.#checks) if (check.id === id) check.isCancelled = true;
  }

  clear() {
    this.#checks.clear();
  }

  /**
   * @param {any} frame
   * @param {string} source
   * @param {{id: string, isCancelled: boolean}} check
   */
  async #judge(frame, source, check) {
    const { id } = frame;
    const { memory, runner } = this.#owner;
    try {
      const { data, content } = await this.#verify(frame, source);
      if (!this.#checks.has(check)) return;
      const { expires, key } = frame.signature;
      switch (memory.sealed(id, content, expires)) {
        case 'other': throw new Unsigned('signature_replayed', 'the id was used for another command');
        case 'old':
          throw new Unsigned('signature_expired', 'commands that expire later were forgotten, so this may be a repetition');
        case 'known':
          if (memory.result(id) || runner.isWaiting(id)) break;
          return this.#answer(failure(id, 500, 'it was accepted before, and what became of it is not known'));
      }
      if (!memory.seal(id, content, expires)) return this.#answer(failure(id, 500, 'the command could not be remembered'));
      if (check.isCancelled) return runner.conclude(id, failure(id, 499, 'cancelled'));
      // It may wait for its turn until its time is over.
      const refuse = () => (this.#isOver(expires) ? refusal(id, this.#expired()) : undefined);
      runner.receive(frame, data, { signedBy: key, refuse });
    } catch (error) {
      if (!(error instanceof Unsigned)) throw error;
      if (!isName(id)) return;
      this.#answer(refusal(id, error));
      this.#owner.onRefused(error.code, id, error.message);
    }
  }

  /**
   * @param {any} frame
   * @param {string} source
   */
  async #verify({ id, name, signature, base64: bytes64 }, source) {
    if (!isSignature(signature)) throw new Unsigned('signature_required', 'only commands that are signed are run here');
    const { key: keyID, issued, expires } = signature;
    const key = this.#keys.get(keyID);
    if (!key) throw new Unsigned('signature_unknown_key', `the key ${keyID} is not known here`);
    const value = base64url(signature.value);
    const raw = rawMember(source, 'data');
    const isOdd = raw !== undefined && bytes64 !== undefined;
    if (!value || !isName(id) || /[\p{Cc}\p{Cs}]/u.test(name) || isOdd) throw this.#invalid();
    // What is run is what was signed: taken from the same text, and not from the frame as it was understood.
    const data = raw === undefined ? this.#bytes(bytes64) : JSON.parse(raw);
    const body = raw === undefined && bytes64 !== undefined ? data : new TextEncoder().encode(raw ?? 'null');
    const rest = join(`${name}\n${bytes64 === undefined ? 'data' : 'base64'}\n`, body);
    const { client } = this.#owner;
    const statement = join(`switchboard-command-v1\n${keyID}\n${client}\n${id}\n${issued}\n${expires}\n`, rest);
    if (!(await this.#subtle.verify(key.algorithm, key.key, value, statement))) throw this.#invalid();
    if (expires <= issued || expires - issued > LONGEST_VALIDITY) {
      throw new Unsigned('signature_too_long', `a signature may be good for ${LONGEST_VALIDITY} seconds`);
    }
    if (issued > now() + this.#owner.skew) {
      throw new Unsigned('signature_not_yet_valid', "the signature's time has not come", now());
    }
    if (this.#isOver(expires)) throw this.#expired();
    const digest = await this.#subtle.digest('SHA-256', join(`switchboard-command-v1 content\n${client}\n${id}\n`, rest));
    return { data, content: base64(new Uint8Array(digest)) };
  }

  /** @param {any} text base 64, or undefined: the command has no payload */
  #bytes(text) {
    if (text === undefined) return null;
    try {
      if (typeof text === 'string') return payload({ base64: text });
    } catch {
      // The same as another type.
    }
    throw this.#invalid();
  }

  #invalid() {
    return new Unsigned('signature_invalid', 'the signature is not that of this command to this client');
  }

  /** @param {number} expires */
  #isOver(expires) {
    return now() > expires + this.#owner.skew;
  }

  #expired() {
    return new Unsigned('signature_expired', "the signature's time is over", now());
  }

  /** @param {string} frame */
  #answer(frame) {
    this.#owner.answer(frame);
  }
}

/** Why a command is not run. */
class Unsigned extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number} [now] what this machine's clock says, which may be the one that is wrong
   */
  constructor(code, message, now) {
    super(message);
    this.code = code;
    this.now = now;
  }
}

/**
 * @param {string} id
 * @param {Unsigned} error
 */
function refusal(id, { code, message, now }) {
  return JSON.stringify({ type: 'result', id, status: 401, data: { error: message, code, now } });
}

/** Unix time in seconds. */
function now() {
  return Math.floor(Date.now() / 1000);
}

/** @param {any} id */
function isName(id) {
  return typeof id === 'string' && /^[A-Za-z0-9._:@-]{1,128}$/.test(id);
}

/** @param {any} signature */
function isSignature(signature) {
  if (typeof signature !== 'object' || signature === null || !isName(signature.key)) return false;
  const { issued, expires, value } = signature;
  return [issued, expires].every((time) => Number.isSafeInteger(time) && time >= 0) && typeof value === 'string';
}

/**
 * The bytes of base64url without padding; null when the text is not that, in the one spelling that it has.
 *
 * @param {string} value
 */
function base64url(value) {
  if (!/^[A-Za-z0-9_-]+$/.test(value) || value.length % 4 === 1) return null;
  const letters = value.replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  return base64(bytes).replace(/=+$/, '') === letters ? bytes : null;
}

/**
 * @param {string} head
 * @param {Uint8Array} body
 */
function join(head, body) {
  const start = new TextEncoder().encode(head);
  const all = new Uint8Array(start.length + body.length);
  all.set(start);
  all.set(body, start.length);
  return all;
}

/**
 * The text of a member's value as it came. JSON.parse keeps of `3.20` only the number; what is signed is the text.
 *
 * @param {string} source an object, checked by JSON.parse
 * @param {string} name
 */
function rawMember(source, name) {
  let depth = 0;
  /** @type {string | undefined} */
  let key;
  /** @type {string | undefined} */
  let found;
  /** Where the value of the outermost object begins that is being read; -1 before it. */
  let start = -1;
  for (let at = 0; at < source.length; at += 1) {
    switch (source[at]) {
      case '"': {
        const first = at;
        for (at += 1; source[at] !== '"'; at += 1) if (source[at] === '\\') at += 1;
        if (depth === 1 && start < 0) key = JSON.parse(source.slice(first, at + 1));
        break;
      }
      case ':':
        if (depth === 1 && start < 0) start = at + 1;
        break;
      case '{': case '[':
        depth += 1;
        break;
      case ',': case '}': case ']':
        if (source[at] !== ',') depth -= 1;
        if (start < 0 || depth > 1 || (depth === 1 && source[at] !== ',')) break;
        // Of a name that comes twice the last counts, as for JSON.parse.
        if (key === name) found = source.slice(start, at).trim();
        start = -1;
        break;
    }
  }
  return found;
}

// ----------------------------------------------------------------------------------------------------------------- memory

/**
 * What must not be forgotten: handled ids, results, offsets. Every change is one line of JSON in the journal:
 *
 * | members | |
 * |---|---|
 * | `p`, `t`, `c`?, `o`? | the push was handled; its channel stands at this offset |
 * | `c`, `o` | a channel's offset; null: none any more |
 * | `s`, `t` | the command has begun |
 * | `r`, `t`, `f`, `a`? | the command's result as a frame; `a`: the node has it |
 * | `a` | the node has the result |
 * | `k`, `h`, `e` | a signed command was let in: the digest of its content, and when its signature expires |
 * | `l` | the latest expiry of signed commands that were forgotten |
 */
class Memory {
  /** @type {Map<string, string>} */
  offsets = new Map();
  /** @type {(error: any) => void} */
  onError = () => {};
  /** @type {Map<string, number>} */
  #handled = new Map();
  /**
   * A command without a frame is running.
   *
   * @type {Map<string, {at: number, frame: string | null, isAcked: boolean}>}
   */
  #results = new Map();
  #resultBytes = 0;
  /** @type {Map<string, {content: string, expires: number}>} */
  #seals = new Map();
  #sealFloor = 0;
  /** @type {FileJournal | KeyJournal | null} */
  #journal = null;

  /** @param {FileJournal | KeyJournal} journal */
  open(journal) {
    for (const line of journal.load()) {
      try {
        this.#replay(JSON.parse(line));
      } catch {
        // The last line of a log may be torn, and a foreign one is not ours.
      }
    }
    for (const [id, result] of this.#results) {
      if (result.frame === null) this.#setResult(id, failure(id, 500, 'the agent ended while the command ran'), result.at);
    }
    this.#prune();
    this.#journal = journal;
    journal.write(this.#snapshot());
  }

  /** @param {string} id */
  isHandled(id) {
    return this.#handled.has(id);
  }

  /**
   * @param {string} id
   * @param {string} [channel]
   * @param {string} [offset]
   */
  handled(id, channel, offset) {
    const record = { p: id, t: Date.now(), c: channel, o: offset };
    this.#replay(record);
    this.#record(record);
    this.#prune();
  }

  /**
   * @param {string} channel
   * @param {string | null} offset
   */
  setOffset(channel, offset) {
    this.#replay({ c: channel, o: offset });
    this.#record({ c: channel, o: offset });
  }

  /** @param {string} id */
  result(id) {
    return this.#results.get(id);
  }

  /** @param {string} id */
  started(id) {
    const record = { s: id, t: Date.now() };
    this.#replay(record);
    this.#record(record);
    this.flush();
  }

  /**
   * @param {string} id
   * @param {string} frame
   */
  finished(id, frame) {
    const record = { r: id, t: Date.now(), f: frame };
    this.#replay(record);
    this.#record(record);
    this.#prune();
    this.flush();
  }

  /** @param {string} id */
  acknowledged(id) {
    const result = this.#results.get(id);
    if (!result?.frame || result.isAcked) return;
    result.isAcked = true;
    this.#record({ a: id });
  }

  /**
   * The node asks again, so the result is offered until it is acknowledged again.
   *
   * @param {string} id
   */
  unacknowledged(id) {
    const result = this.#results.get(id);
    if (result) result.isAcked = false;
  }

  /**
   * Whether a signed command is `new`, `known`, an `other` of the same id, or `old`: it may have been forgotten.
   *
   * @param {string} id
   * @param {string} content
   * @param {number} expires
   */
  sealed(id, content, expires) {
    const known = this.#seals.get(id);
    if (!known) return expires > this.#sealFloor ? 'new' : 'old';
    return known.content === content ? 'known' : 'other';
  }

  /**
   * Remembers a signed command before it runs.
   *
   * @param {string} id
   * @param {string} content
   * @param {number} expires
   * @returns {boolean} whether that is safe
   */
  seal(id, content, expires) {
    if ((this.#seals.get(id)?.expires ?? 0) >= expires) return true;
    const record = { k: id, h: content, e: expires };
    this.#replay(record);
    this.#forgetSeals(Date.now() / 1000);
    try {
      this.#journal?.append(JSON.stringify(record), () => this.#snapshot(), true);
      if (this.#journal?.needsWrite) this.#journal.write(this.#snapshot());
      return true;
    } catch (error) {
      this.onError(error);
      return false;
    }
  }

  /**
   * What is forgotten is not let in again: nothing that is unknown and expires no later is.
   *
   * @param {number} now
   */
  #forgetSeals(now) {
    const byExpiry = [...this.#seals].sort(([, a], [, b]) => a.expires - b.expires);
    const over = byExpiry.length - MAX_SEALS;
    for (const [index, [id, { expires }]] of byExpiry.entries()) {
      if (index >= over && expires >= now - LARGEST_SKEW) break;
      this.#seals.delete(id);
      this.#sealFloor = Math.max(this.#sealFloor, expires);
    }
  }

  unackedResults() {
    const results = [];
    for (const [id, { frame, isAcked }] of this.#results) if (frame !== null && !isAcked) results.push({ id, frame });
    return results;
  }

  largestUnacked() {
    return this.unackedResults().reduce(
      (/** @type {{id: string, frame: string} | null} */ largest, result) =>
        result.frame.length > (largest?.frame.length ?? 0) ? result : largest, null);
  }

  /** Before anything is acknowledged, what it rests on is written. */
  flush() {
    if (!this.#journal?.needsWrite) return;
    try {
      this.#journal.write(this.#snapshot());
    } catch (error) {
      this.onError(error);
    }
  }

  /** @param {any} record */
  #replay({ p, t, c, o, s, r, f, a, k, h, e, l }) {
    if (typeof p === 'string') {
      this.#handled.delete(p);
      this.#handled.set(p, Number(t));
    }
    if (typeof c === 'string' && typeof o === 'string') this.offsets.set(c, o);
    if (typeof c === 'string' && o === null) this.offsets.delete(c);
    if (typeof s === 'string') this.#setResult(s, null, Number(t));
    if (typeof r === 'string' && typeof f === 'string') {
      this.#setResult(r, f, Number(t));
      if (a === 1) this.#markAcked(r);
    }
    if (typeof a === 'string') this.#markAcked(a);
    if (typeof k === 'string') this.#seals.set(k, { content: String(h), expires: Number(e) });
    if (typeof l === 'number') this.#sealFloor = Math.max(this.#sealFloor, l);
  }

  /** @param {string} id */
  #markAcked(id) {
    const result = this.#results.get(id);
    if (result) result.isAcked = true;
  }

  /**
   * @param {string} id
   * @param {string | null} frame
   * @param {number} at
   */
  #setResult(id, frame, at) {
    this.#resultBytes += (frame?.length ?? 0) - (this.#results.get(id)?.frame?.length ?? 0);
    this.#results.delete(id);
    this.#results.set(id, { at, frame, isAcked: false });
  }

  /** @param {object} record */
  #record(record) {
    try {
      this.#journal?.append(JSON.stringify(record), () => this.#snapshot());
    } catch (error) {
      this.onError(error);
    }
  }

  #prune() {
    const old = Date.now() - REMEMBER_MS;
    for (const [id, at] of this.#handled) {
      if (!isForgettable(this.#handled.size, at, old)) break;
      this.#handled.delete(id);
    }
    for (const [id, { at, frame }] of this.#results) {
      if (!isForgettable(this.#results.size, at, old)) break;
      if (frame === null) continue;
      this.#results.delete(id);
      this.#resultBytes -= frame.length;
    }
    const limit = this.#journal?.resultBytes ?? FileJournal.resultBytes;
    // The ids outlive the results: a command whose result is gone still runs no second time.
    for (const isAcked of [true, false]) {
      for (const [id, result] of this.#results) {
        if (this.#resultBytes <= limit) return;
        if (result.frame === null || result.isAcked !== isAcked) continue;
        const gone = failure(id, 410, 'the result is no longer kept');
        if (gone.length >= result.frame.length) continue;
        this.#resultBytes += gone.length - result.frame.length;
        result.frame = gone;
      }
    }
  }

  #snapshot() {
    const lines = [];
    for (const [c, o] of this.offsets) lines.push(JSON.stringify({ c, o }));
    for (const [p, t] of this.#handled) lines.push(JSON.stringify({ p, t }));
    if (this.#sealFloor > 0) lines.push(JSON.stringify({ l: this.#sealFloor }));
    for (const [k, { content, expires }] of this.#seals) lines.push(JSON.stringify({ k, h: content, e: expires }));
    for (const [id, { at, frame, isAcked }] of this.#results) {
      lines.push(JSON.stringify(frame === null ? { s: id, t: at } : { r: id, t: at, f: frame, a: isAcked ? 1 : undefined }));
    }
    return lines.map((line) => `${line}\n`).join('');
  }
}

/**
 * @param {number} count
 * @param {number} at
 * @param {number} old
 */
function isForgettable(count, at, old) {
  return count > REMEMBER_AT_LEAST && (at < old || count > REMEMBER_AT_MOST);
}

/** Keeps the memory under one key of something like localStorage: written as a whole, just before something is acknowledged. */
class KeyJournal {
  /** The results may have so many characters; a browser gives a page about five million. */
  resultBytes = 512 << 10;
  needsWrite = false;
  #storage;
  #key;

  /**
   * @param {{getItem(key: string): string | null, setItem(key: string, value: string): void}} storage
   * @param {string} key
   */
  constructor(storage, key) {
    this.#storage = storage;
    this.#key = key;
  }

  load() {
    return (this.#storage.getItem(this.#key) ?? '').split('\n');
  }

  append() {
    this.needsWrite = true;
  }

  /** @param {string} snapshot */
  write(snapshot) {
    this.#storage.setItem(this.#key, snapshot);
    this.needsWrite = false;
  }
}

/**
 * Keeps the memory in a file of Node: a log with a line for each change, written at once, so that a process may be killed at
 * any moment; a torn last line is ignored. When the log has grown it is replaced by a snapshot, by renaming.
 */
class FileJournal {
  static resultBytes = 16 << 20;
  resultBytes = FileJournal.resultBytes;
  needsWrite = false;
  #fs;
  #path;
  #appended = 0;
  #limit = 0;

  /** @param {string} path */
  static async at(path) {
    return new FileJournal(await import(/* @vite-ignore */ /* webpackIgnore: true */ 'node:fs'), path);
  }

  /**
   * @param {any} fs
   * @param {string} path
   */
  constructor(fs, path) {
    this.#fs = fs;
    this.#path = path;
  }

  load() {
    try {
      return this.#fs.readFileSync(this.#path, 'utf8').split('\n');
    } catch (/** @type {any} */ error) {
      if (error.code === 'ENOENT') return [];
      throw error;
    }
  }

  /**
   * @param {string} line
   * @param {() => string} snapshot
   * @param {boolean} [isSafe] whether it must outlive a power failure
   */
  append(line, snapshot, isSafe = false) {
    this.#appended += line.length + 1;
    if (this.#appended > this.#limit) return this.write(snapshot());
    const file = this.#fs.openSync(this.#path, 'a', 0o600);
    try {
      this.#fs.writeFileSync(file, `${line}\n`);
      if (isSafe) this.#fs.fsyncSync(file);
    } finally {
      this.#fs.closeSync(file);
    }
    return undefined;
  }

  /** @param {string} snapshot */
  write(snapshot) {
    const next = `${this.#path}.new`;
    const file = this.#fs.openSync(next, 'w', 0o600);
    try {
      this.#fs.writeFileSync(file, snapshot);
      this.#fs.fsyncSync(file);
    } finally {
      this.#fs.closeSync(file);
    }
    this.#fs.renameSync(next, this.#path);
    this.#appended = 0;
    this.#limit = Math.max(1 << 20, 2 * snapshot.length);
  }
}

// ---------------------------------------------------------------------------------------------------------- Node's socket

/** @param {number} limit the largest message in bytes */
async function nodeSocket(limit) {
  if (!isNode()) throw new SwitchboardError('invalid_options', 'there is no WebSocket here; give one in the options');
  const [http, https, crypto] = await Promise.all([
    import(/* @vite-ignore */ /* webpackIgnore: true */ 'node:http'),
    import(/* @vite-ignore */ /* webpackIgnore: true */ 'node:https'),
    import(/* @vite-ignore */ /* webpackIgnore: true */ 'node:crypto'),
  ]);
  return (/** @type {string} */ url) => new NodeSocket(url, limit, { http, https, crypto });
}

const CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10;
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Seconds that the other end has to end the TCP connection after the close handshake. */
const CLOSE_TIMEOUT = 3;
const MAX_REFUSAL_BYTES = 8192;

/** A WebSocket client (RFC 6455) for a Node that has none, with the part of the browser's interface that {@link Link} uses. */
class NodeSocket {
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: any}) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /**
   * Any bytes came, also pings and parts of messages.
   *
   * @type {(() => void) | null}
   */
  ontraffic = null;
  binaryType = 'arraybuffer';
  #crypto;
  #request;
  /** @type {any} */
  #socket = null;
  #reader;
  /** @type {'connecting' | 'open' | 'closing' | 'closed'} */
  #state = 'connecting';
  #ending = { code: 1006, reason: '', isLocal: false };
  #isBroken = false;
  /** @type {any} */
  #refusal;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} address
   * @param {number} limit
   * @param {any} node the modules http, https and crypto
   */
  constructor(address, limit, { http, https, crypto }) {
    this.#crypto = crypto;
    this.#reader = new FrameReader(limit, {
      onMessage: (data) => this.onmessage?.({ data }),
      onControl: (opcode, body) => this.#control(opcode, body),
    });
    const url = new URL(address);
    const key = crypto.randomBytes(16).toString('base64');
    this.#request = (url.protocol === 'wss:' ? https : http).request({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (url.protocol === 'wss:' ? 443 : 80),
      path: url.pathname + url.search,
      agent: false,
      headers: {
        Host: url.host,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        'Sec-WebSocket-Protocol': SUBPROTOCOL,
        'User-Agent': VERSION,
      },
    });
    this.#request.on('upgrade', (/** @type {any} */ answer, /** @type {any} */ socket, /** @type {any} */ head) =>
      this.#upgraded(answer, socket, head, key));
    this.#request.on('response', (/** @type {any} */ answer) => this.#refused(answer));
    this.#request.on('error', (/** @type {Error} */ error) => {
      this.#ending.reason ||= text(error);
      this.#closed();
    });
    this.#request.end();
  }

  get bufferedAmount() {
    return this.#socket?.writableLength ?? 0;
  }

  /** @param {string} message */
  send(message) {
    if (this.#state === 'open') this.#write(TEXT, Buffer.from(message));
  }

  /**
   * @param {number} [code]
   * @param {string} [reason] at most 123 bytes
   */
  close(code, reason = '') {
    if (this.#state === 'connecting') {
      this.#request.destroy();
      this.#closed();
    } else if (this.#state === 'open') {
      this.#ending = { code: code ?? 1005, reason, isLocal: true };
      this.#sendClose(code, reason);
    }
  }

  /**
   * @param {any} answer
   * @param {any} socket
   * @param {Uint8Array} head
   * @param {string} key
   */
  #upgraded(answer, socket, head, key) {
    const accept = this.#crypto.createHash('sha1').update(key + KEY_SUFFIX).digest('base64');
    const { headers } = answer;
    const isConnection = String(headers.connection).toLowerCase().split(',').some((token) => token.trim() === 'upgrade');
    let fault;
    const isUpgrade = answer.statusCode === 101 && String(headers.upgrade).toLowerCase() === 'websocket';
    if (!isUpgrade || !isConnection || headers['sec-websocket-accept'] !== accept) {
      fault = "the answer to the upgrade is not a WebSocket's";
    } else if (headers['sec-websocket-protocol'] !== SUBPROTOCOL) {
      fault = `the node does not speak ${SUBPROTOCOL}`;
    } else if (headers['sec-websocket-extensions'] !== undefined) {
      fault = 'the node chose an extension that was not offered';
    }
    if (fault !== undefined || this.#state !== 'connecting') {
      socket.destroy();
      this.#ending.reason ||= fault ?? '';
      this.#closed();
      return;
    }
    this.#state = 'open';
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (/** @type {Uint8Array} */ chunk) => this.#data(chunk));
    socket.on('error', () => {});  // close follows
    socket.on('close', () => this.#closed());
    this.onopen?.();
    if (head.length > 0) this.#data(head);
  }

  /** @param {any} answer the HTTP answer that refused the upgrade */
  #refused(answer) {
    const retryAfter = seconds(answer.headers['retry-after']);
    this.#refusal = { status: answer.statusCode, retryAfter };
    this.#ending.reason = `${answer.statusMessage} (${answer.statusCode})`;
    let body = Buffer.alloc(0);
    answer.on('data', (/** @type {Uint8Array} */ chunk) => {
      body = Buffer.concat([body, chunk]);
      if (body.length > MAX_REFUSAL_BYTES) this.#request.destroy();
    });
    answer.on('error', () => {});  // close follows
    answer.on('close', () => {
      try {
        const { code, title, detail } = JSON.parse(body.toString());
        this.#ending.reason = `${code ? `${code}: ` : ''}${detail ?? title} (${answer.statusCode})`;
      } catch {
        // No problem document; the status has to do.
      }
      this.#closed();
    });
  }

  /** @param {Uint8Array} chunk */
  #data(chunk) {
    if (this.#isBroken) return;
    this.ontraffic?.();
    try {
      this.#reader.feed(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#isBroken = true;
      this.#ending = { code: error.code, reason: error.message, isLocal: true };
      this.#sendClose(error.code, error.message);
      this.#socket.end();
    }
  }

  /**
   * @param {number} opcode
   * @param {Buffer} body
   */
  #control(opcode, body) {
    // Who pings and does not read gets no pong.
    if (opcode === PING && this.bufferedAmount < 1 << 16) this.#write(PONG, body);
    if (opcode !== CLOSE) return;
    const { code, reason } = closeBody(body);
    if (this.#state === 'open') {
      this.#ending = { code, reason, isLocal: false };
      this.#sendClose(code === 1005 ? undefined : code, '');
    }
    this.#socket.end();
  }

  /**
   * @param {number | undefined} code
   * @param {string} reason
   */
  #sendClose(code, reason) {
    if (this.#state !== 'open') return;
    const bytes = code === undefined ? [] : [Buffer.from([code >> 8, code & 255]), Buffer.from(reason)];
    this.#write(CLOSE, Buffer.concat(bytes));
    this.#state = 'closing';
    this.#timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT * 1000);
  }

  /**
   * @param {number} opcode
   * @param {Buffer} body
   */
  #write(opcode, body) {
    if (this.#state !== 'open') return;
    const { length } = body;
    const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const frame = Buffer.allocUnsafe(6 + extended + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
    if (extended === 2) frame.writeUInt16BE(length, 2);
    if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    const mask = this.#crypto.randomBytes(4);
    mask.copy(frame, 2 + extended);
    const start = 6 + extended;
    for (let index = 0; index < length; index += 1) frame[start + index] = body[index] ^ mask[index & 3];
    this.#socket.write(frame);
  }

  #closed() {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.onclose?.({ ...this.#ending, refusal: this.#refusal });
  }
}

/** What the other end sent breaks RFC 6455; `code` is the close code. */
class ProtocolError extends Error {
  /**
   * @param {number} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Bytes that come in pieces; takes at most twice the room that they need, however small the pieces are. */
class Bytes {
  length = 0;
  #room = Buffer.alloc(0);

  /** @param {Buffer} piece */
  append(piece) {
    if (this.length === 0) {
      this.#room = piece;
    } else {
      if (this.length + piece.length > this.#room.length) {
        const room = Buffer.allocUnsafe(2 * (this.length + piece.length));
        this.#room.copy(room, 0, 0, this.length);
        this.#room = room;
      }
      piece.copy(this.#room, this.length);
    }
    this.length += piece.length;
  }

  /** All of it; nothing is left. */
  take() {
    const bytes = this.#room.subarray(0, this.length);
    this.#room = Buffer.alloc(0);
    this.length = 0;
    return bytes;
  }
}

/** Reads the frames of a server (RFC 6455 section 5) and puts messages together. */
class FrameReader {
  #limit;
  #owner;
  #input = new Bytes();
  /** The bytes without which nothing can be read. */
  #wanted = 2;
  #message = new Bytes();
  #opcode = CONTINUATION;
  #isClosed = false;

  /**
   * @param {number} limit the largest message in bytes
   * @param {{onMessage: (data: string | ArrayBuffer) => void, onControl: (opcode: number, body: Buffer) => void}} owner
   */
  constructor(limit, owner) {
    this.#limit = limit;
    this.#owner = owner;
  }

  /**
   * @param {Buffer} chunk
   * @throws {ProtocolError}
   */
  feed(chunk) {
    if (this.#isClosed) return;
    this.#input.append(chunk);
    if (this.#input.length < this.#wanted) return;
    let bytes = this.#input.take();
    while (!this.#isClosed && bytes.length >= this.#wanted) bytes = bytes.subarray(this.#frame(bytes));
    if (!this.#isClosed && bytes.length > 0) this.#input.append(bytes);
  }

  /**
   * @param {Buffer} bytes
   * @returns {number} how many bytes were used; 0 when more are wanted
   */
  #frame(bytes) {
    const isFinal = (bytes[0] & 0x80) !== 0;
    const opcode = bytes[0] & 0x0f;
    const short = bytes[1] & 0x7f;
    if ((bytes[0] & 0x70) !== 0) throw new ProtocolError(1002, 'reserved bits are set');
    if ((bytes[1] & 0x80) !== 0) throw new ProtocolError(1002, 'a server must not mask');
    const isControl = opcode >= CLOSE;
    if (isControl ? opcode > PONG : opcode > BINARY) throw new ProtocolError(1002, 'unknown opcode');
    if (isControl && (!isFinal || short > 125)) throw new ProtocolError(1002, 'a control frame is too long or fragmented');
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return this.#want(head);
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (!isControl && this.#message.length + length > this.#limit) throw new ProtocolError(1009, 'the message is too big');
    if (bytes.length < head + length) return this.#want(head + length);
    this.#wanted = 2;
    const body = bytes.subarray(head, head + length);
    if (isControl) {
      this.#isClosed = opcode === CLOSE;
      this.#owner.onControl(opcode, body);
    } else {
      this.#data(opcode, isFinal, body);
    }
    return head + length;
  }

  /** @param {number} count */
  #want(count) {
    this.#wanted = count;
    return 0;
  }

  /**
   * @param {number} opcode
   * @param {boolean} isFinal
   * @param {Buffer} body
   */
  #data(opcode, isFinal, body) {
    const isContinued = this.#opcode !== CONTINUATION;
    if ((opcode === CONTINUATION) !== isContinued) throw new ProtocolError(1002, 'a fragment is out of place');
    if (!isContinued) this.#opcode = opcode;
    this.#message.append(body);
    if (!isFinal) return;
    const message = this.#message.take();
    const isText = this.#opcode === TEXT;
    this.#opcode = CONTINUATION;
    this.#owner.onMessage(isText ? utf8(message) : Uint8Array.from(message).buffer);
  }
}

/**
 * @param {Uint8Array} bytes
 * @throws {ProtocolError}
 */
function utf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ProtocolError(1007, 'text that is not UTF-8');
  }
}

/**
 * The body of a close frame (RFC 6455 section 7.4).
 *
 * @param {Buffer} body
 * @throws {ProtocolError}
 */
function closeBody(body) {
  if (body.length === 0) return { code: 1005, reason: '' };
  if (body.length === 1) throw new ProtocolError(1002, 'a close frame with half a code');
  const code = body.readUInt16BE(0);
  const isAllowed = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
  if (!isAllowed) throw new ProtocolError(1002, `the close code ${code} must not be sent`);
  return { code, reason: utf8(body.subarray(2)) };
}

// ---------------------------------------------------------------------------------------------------------------- helpers

/**
 * @typedef {{promise: Promise<any>, resolve: (value?: any) => void, reject: (reason: any) => void}} Deferred
 * @returns {Deferred}
 */
function deferred() {
  /** @type {any} */
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}

/** Lets the events that wait be handled; unlike a timer it is not slowed down in a page in the background. */
function turn() {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') return setImmediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
    return undefined;
  });
}

function isNode() {
  return typeof globalThis.process === 'object' && typeof globalThis.process?.versions?.node === 'string';
}

/** @param {string | undefined} given */
function endpoint(given) {
  const own = import.meta.url.startsWith('http') ? new URL('/ws', import.meta.url).href : undefined;
  let url;
  try {
    url = new URL(given ?? own ?? '', own);
  } catch {
    throw new SwitchboardError('invalid_options', `'${given}' is not a URL like ws://host:port/ws`);
  }
  const scheme = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[url.protocol];
  if (!scheme) throw new SwitchboardError('invalid_options', `'${url.protocol}' is not ws, wss, http or https`);
  return { protocol: scheme, host: url.host, pathname: url.pathname === '/' ? '/ws' : url.pathname, search: url.search };
}

/**
 * Seconds that the other end names; what is no number is none.
 *
 * @param {number} value
 */
function bounded(value) {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), LONGEST_SECONDS);
}

/**
 * The seconds that a close reason names as `after=SECONDS`.
 *
 * @param {string} reason
 */
function after(reason) {
  const match = /(?:^|[ ;,])after=(\d+(?:\.\d+)?)(?=$|[ ;,])/.exec(reason);
  return match ? Number(match[1]) : undefined;
}

/**
 * What `Retry-After` says: seconds, or a date.
 *
 * @param {string | undefined} value
 */
function seconds(value) {
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - Date.now()) / 1000);
}

/** @param {any} error */
function text(error) {
  return error instanceof Error && error.message ? error.message : String(error?.code ?? error);
}

/**
 * @param {string} id
 * @param {number} status
 * @param {string} message
 */
function failure(id, status, message) {
  return JSON.stringify({ type: 'result', id, status, data: { error: message.slice(0, 1000) } });
}

/** @param {string} value */
function utf8Length(value) {
  return new TextEncoder().encode(value).length;
}

/**
 * The payload of a frame: `data`, or bytes.
 *
 * @param {any} frame
 */
function payload(frame) {
  return typeof frame.base64 === 'string' ? Uint8Array.from(atob(frame.base64), (letter) => letter.charCodeAt(0)) : frame.data;
}

/**
 * What a frame says of a trace, as far as it does.
 *
 * @param {any} frame
 */
function trace({ traceparent, tracestate }) {
  return { ...(traceparent !== undefined && { traceparent }), ...(tracestate !== undefined && { tracestate }) };
}

/**
 * The member of a frame that carries the payload.
 *
 * @param {any} value any JSON value, or bytes
 */
function member(value) {
  if (value instanceof ArrayBuffer) return `"base64":"${base64(new Uint8Array(value))}"`;
  if (ArrayBuffer.isView(value)) {
    return `"base64":"${base64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}"`;
  }
  let json;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    throw new SwitchboardError('invalid_payload', `not JSON: ${text(error)}`, { cause: error });
  }
  if (json === undefined) throw new SwitchboardError('invalid_payload', `not JSON: ${typeof value}`);
  return `"data":${json}`;
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let letters = '';
  for (let start = 0; start < bytes.length; start += 8192) {
    letters += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(letters);
}
