// The operator socket of this node: what happens in the whole cluster, as it happens. One for the page; it comes back by
// itself and takes up what was asked for.

import { key, keyNeeded } from "./api.js";

const unauthenticated = 4001;
const longestWait = 15_000;
// A socket whose other end is gone without a word stays open for the browser, and the node's WebSocket pings are not shown to a
// page. So the page asks for a sign of life itself. Looks are counted and not time: a page that was asleep hears first what
// came meanwhile.
const lookMs = 5000;
const askAfter = 2;
const deadAfter = 5;

class Live {
  #socket = null;
  #hello = null;
  #failures = 0;
  #timer = null;
  #wanted = false;
  #watches = new Map();
  #stats = new Map();
  #handlers = new Map();
  #next = 1;
  #watchdog = null;
  /** The key that the socket has shown. */
  #shown = null;
  #isRefused = false;
  /** Looks since something came last. */
  #silent = 0;

  constructor() {
    addEventListener("switchboard:key", () => { if (this.#wanted) this.#restart(); });
    addEventListener("online", () => { if (this.#wanted && !this.#socket) this.#open(); });
  }

  /** "open" once the node has said hello, "refused" for want of a good key, "connecting" or "waiting". */
  get state() {
    if (this.#hello) return "open";
    if (this.#isRefused) return "refused";
    return this.#socket ? "connecting" : "waiting";
  }

  /** Whether the page wants anything of the socket, beyond showing how it is. */
  get #isUsed() { return this.#watches.size > 0 || this.#stats.size > 0 || [...this.#handlers.keys()].some((type) => type !== "state"); }

  /** What the node has said of itself: node, version, scopes. */
  get hello() { return this.#hello; }

  /** Calls back for each frame of this type; "state" for changes of the state, "open" for each hello. Returns what ends that. */
  on(type, handler) {
    if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
    this.#handlers.get(type).add(handler);
    this.connect();
    return () => this.#handlers.get(type).delete(handler);
  }

  /** Calls back with lists of events as GET /v1/events tells them, and how many were left out. Returns what ends it. */
  watch({ client, types } = {}, onEvents) {
    const id = `w${this.#next++}`;
    const frame = { type: "watch", id, ...(client && { client }), ...(types && { types }) };
    this.#watches.set(id, { frame, onEvents });
    this.connect();
    this.send(frame);
    return () => {
      this.#watches.delete(id);
      this.send({ type: "unwatch", id });
    };
  }

  /** Calls back with { at, nodes: [...] } every so many seconds. Returns what ends it. */
  stats(interval, onStats) {
    const token = Symbol("stats");
    this.#stats.set(token, { interval, onStats });
    this.connect();
    this.#askStats();
    return () => {
      this.#stats.delete(token);
      this.#askStats();
    };
  }

  /** Sends a frame, if there is a connection. Returns whether there was one. */
  send(frame) {
    if (!this.#hello) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  connect() {
    this.#wanted = true;
    if (!this.#socket && !this.#timer) this.#open();
  }

  #restart() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#failures = 0;
    this.#isRefused = false;
    // One that is not open yet (0) will show the key that there is then.
    if (this.#socket?.readyState === 0) return;
    if (this.#socket) this.#socket.close();
    else this.#open();
  }

  #askStats() {
    const intervals = [...this.#stats.values()].map((each) => each.interval);
    this.send({ type: "stats", interval: intervals.length ? Math.min(...intervals) : 0 });
  }

  #open() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const url = new URL("../v1/live", import.meta.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, "switchboard.operator.v1");
    this.#socket = socket;
    this.#tell("state", this.state);
    socket.onopen = () => {
      this.#shown = key();
      if (this.#shown) socket.send(JSON.stringify({ type: "hello", key: this.#shown }));
    };
    socket.onmessage = (message) => {
      this.#silent = 0;
      // One that was given up may still have had something on its way.
      if (this.#socket === socket) this.#received(JSON.parse(message.data));
    };
    socket.onclose = (close) => { if (this.#socket === socket) this.#closed(close); };
    this.#silent = 0;
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => this.#look(), lookMs);
  }

  /** Nothing comes, not even an answer: the socket is as good as gone, also while it is being opened. */
  #look() {
    this.#silent += 1;
    if (this.#silent >= deadAfter) {
      const socket = this.#socket;
      // Its close would wait for the other end, so that nobody waits for it here.
      this.#closed({ code: 1006, reason: "" });
      socket.close();
    } else if (this.#silent >= askAfter) {
      this.send({ type: "ping" });
    }
  }

  #received(frame) {
    if (frame.type === "hello") {
      this.#hello = frame;
      this.#failures = 0;
      this.#isRefused = false;
      for (const watch of this.#watches.values()) this.send(watch.frame);
      if (this.#stats.size) this.#askStats();
      this.#tell("state", this.state);
      this.#tell("open", frame);
    } else if (frame.type === "events") {
      this.#watches.get(frame.id)?.onEvents(frame.events, frame.dropped ?? 0);
    } else if (frame.type === "stats") {
      for (const each of this.#stats.values()) each.onStats(frame);
    }
    this.#tell(frame.type, frame);
  }

  async #closed(close) {
    clearInterval(this.#watchdog);
    this.#socket = null;
    this.#hello = null;
    this.#failures += 1;
    // A key that was given meanwhile has not been looked at.
    this.#isRefused = close.code === unauthenticated && this.#shown === key();
    this.#tell("state", this.state);
    // Whoever chats needs no key, and is not asked for one.
    if (this.#isRefused && this.#isUsed) {
      const problem = { reason: close.reason, detail: "The operator socket asks for a key that is good." };
      if (await keyNeeded(problem)) this.#failures = 0;
    }
    if (this.#socket || this.#timer) return;
    // The first comes soon; many pages of a node that is gone do not come back at once.
    const wait = 200 + Math.random() * Math.min(longestWait, 400 * 2 ** this.#failures);
    this.#timer = setTimeout(() => this.#open(), wait);
  }

  #tell(type, value) {
    for (const handler of this.#handlers.get(type) ?? []) handler(value);
  }
}

export const live = new Live();
