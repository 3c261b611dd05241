// One viewer of a remote terminal, end to end with the agent: what is drawn and typed is counted in bytes, so that it can go
// on at any node. No page, no clock and no socket in here: `send` takes frames (and says whether there was a connection),
// `screen` has write(bytes) and reset(); the page calls renew() every second and received() for each frame.

const maximumInput = 4096;
/** Keys that wait for the agent: while it cannot be reached, and at any time (a text that was pasted). */
const heldWhileAway = 4096;
const heldAtMost = 256 * 1024;
const renewMs = 5000;
const tookEvery = 16 * 1024;

export class TerminalViewer {
  /** "connecting", "open", "offline" (the client), "ended" or "refused". */
  state = "connecting";
  viewers = 0;
  command = "";
  #id;
  #client;
  #options;
  #send;
  #screen;
  #onChange;
  /** The terminal's output up to here is with the screen; undefined before the first answer. */
  #drawn;
  #toldTook = 0;
  /** What was #drawn when it asked first since the last answer. */
  #asked;
  /** Which program it is: where its output began, if the agent says so. */
  #start;
  /** Output is missing, and it was asked too lately to ask again. */
  #hasHole = false;
  /** Bytes typed that the agent has not confirmed, from #taken on; those up to #sent are on their way. */
  #keys = new Uint8Array(0);
  #taken = 0;
  #sent = 0;
  #askedAt = -Infinity;
  #answeredAt = -Infinity;
  #isAnswered = false;
  /** #sent and #taken when it was looked at them last. */
  #seen = { sent: 0, taken: 0 };
  #size;

  /** options: { client, terminal, mode, command, columns, rows }; onChange(kind, frame) is told of all that is not output. */
  constructor({ id, options, send, screen, onChange }) {
    this.#id = id;
    this.#client = options.client;
    this.#options = options;
    this.#size = { columns: options.columns, rows: options.rows };
    this.#send = send;
    this.#screen = screen;
    this.#onChange = onChange;
  }

  get isOver() { return this.state === "ended" || this.state === "refused"; }

  /** Says that it is there, when it is time to: every 5 s, every second while nobody has answered. now: milliseconds. */
  renew(now) {
    if (this.isOver) return;
    if (this.#isAnswered && now - this.#answeredAt > 2 * renewMs + 1000) this.lost();
    // Of keys on their way none was taken since the last look: they are lost, or there was no room for them.
    else if (this.#isAnswered && this.#seen.sent > this.#taken && this.#seen.taken === this.#taken) this.#askAgain();
    this.#seen = { sent: this.#sent, taken: this.#taken };
    if (now - this.#askedAt < (this.#isAnswered && !this.#hasHole ? renewMs : 1000) - 50) return;
    this.attach(now);
  }

  /** After a reconnect too: goes on where the screen is. */
  attach(now) {
    if (this.isOver) return;
    const { terminal, mode, command } = this.#options;
    // Keys on their way may never arrive: an agent that does not know this viewer must not take them for typed.
    const isSent = this.#order("attach", {
      client: this.#client, terminal, mode, ...this.#size, ...(this.#drawn !== undefined && { from: this.#drawn }), typed: this.#taken,
      ...(command && { command }),
    });
    if (!isSent) return;
    this.#askedAt = now;
    if (this.#isAnswered || this.#asked === undefined) this.#asked = this.#drawn;
  }

  /** The connection to the node is gone: what is not confirmed is sent again once the agent has said where it is. */
  lost() {
    if (this.isOver) return;
    this.#isAnswered = false;
    this.#askedAt = -Infinity;
    this.#become("connecting");
  }

  /** Keys as bytes. Returns whether they are kept; there is no room for more than 4 KB while nobody answers. */
  type(bytes) {
    if (this.isOver || this.#options.mode === "readOnly") return false;
    if (this.#keys.length + bytes.length > (this.state === "open" ? heldAtMost : heldWhileAway)) return false;
    const keys = new Uint8Array(this.#keys.length + bytes.length);
    keys.set(this.#keys);
    keys.set(bytes, this.#keys.length);
    this.#keys = keys;
    this.#sendKeys();
    return true;
  }

  resize(columns, rows) {
    this.#size = { columns, rows };
    if (this.state === "open" && this.#options.mode === "shared") this.#order("resize", this.#size);
  }

  detach() { this.#order("detach"); }

  end() { this.#order("end"); }

  /** The screen has drawn all up to this place. */
  took(offset) {
    if (this.state !== "open" || offset - this.#toldTook < tookEvery && offset !== this.#drawn) return;
    if (this.#order("took", { offset })) this.#toldTook = offset;
  }

  /** A frame of the operator socket for this viewer. */
  received(frame, now) {
    if (frame.viewer !== this.#id || this.isOver) return;
    switch (frame.op) {
      case "here": return this.#here(frame, now);
      case "output": return this.#output(frame, now);
      case "taken": return this.#confirm(frame.offset);
      case "offline":
        this.#isAnswered = false;
        return this.#become("offline", frame);
      case "viewers": this.viewers = frame.viewers; break;
      case "ended": return this.#become("ended", frame);
      case "refused": return this.#refused(frame);
    }
    this.#onChange(frame.op, frame);
  }

  #here(frame, now) {
    const isBack = !this.#isAnswered;
    this.#isAnswered = true;
    this.#answeredAt = now;
    this.viewers = frame.viewers;
    this.command = frame.command;
    this.#hasHole = false;
    const isOther = this.#isOther(frame);
    this.#start = frame.start;
    // A command for one shell must not be run by another.
    if (isOther) this.#forgetKeys(frame.typed);
    if (this.#drawn === undefined || isOther || frame.from > this.#drawn) {
      // Output is missing, or it is another program: the screen begins anew.
      if (this.#drawn !== undefined) this.#screen.reset();
      this.#drawn = frame.from;
      this.#asked = frame.from;
      this.#toldTook = frame.from;
      this.#onChange("replay", frame);
    }
    this.#become("open");
    this.#onChange("here", frame);
    if (isOther) this.#onChange("replaced", frame);
    // An answer to one of the regular attaches says nothing of keys on their way.
    if (isBack) {
      this.#sent = Math.max(this.#taken, Math.min(this.#sent, frame.typed));
      this.#confirm(frame.typed);
      this.#sendKeys();
    }
  }

  /** Whether this is another program than the one that was viewed. */
  #isOther(frame) {
    if (this.#drawn === undefined) return false;
    if (this.#start !== undefined && frame.start !== undefined) return frame.start !== this.#start;
    // An agent that does not say: a program that has less output than was asked for is another one.
    return frame.isNew || frame.from < this.#asked;
  }

  /** typed: what the agent takes for typed, even if it is less; it knows nothing of what the program before has taken. */
  #forgetKeys(typed) {
    this.#keys = new Uint8Array(0);
    this.#taken = typed;
    this.#sent = typed;
    this.#seen = { sent: typed, taken: typed };
  }

  #output(frame, now) {
    if (this.#drawn === undefined) return;
    const bytes = decode(frame.base64);
    const old = this.#drawn - frame.offset;
    if (old < 0) {
      // A hole: what is between is asked for, from where the screen is.
      this.#hasHole = true;
      if (now - this.#askedAt > 1000) this.attach(now);
      return;
    }
    if (old >= bytes.length) return;
    this.#drawn = frame.offset + bytes.length;
    this.#screen.write(old ? bytes.subarray(old) : bytes, this.#drawn);
  }

  #confirm(offset) {
    if (offset <= this.#taken) return;
    // It may have taken more than is known here, of what was dropped when its program was found to be another one.
    this.#keys = this.#keys.slice(Math.min(offset - this.#taken, this.#keys.length));
    this.#taken = offset;
    this.#sent = Math.max(this.#sent, this.#taken);
    this.#sendKeys();
  }

  #sendKeys() {
    if (this.state !== "open") return;
    // A paste goes as fast as the agent takes it.
    while (this.#sent < this.#taken + Math.min(this.#keys.length, 4 * maximumInput)) {
      const start = this.#sent - this.#taken;
      const part = this.#keys.subarray(start, start + maximumInput);
      if (!this.#order("input", { offset: this.#sent, base64: encode(part) })) return;
      this.#sent += part.length;
    }
  }

  /** The node does not let it: asking again is of no use. */
  refuse(frame) { this.#become("refused", frame); }

  /** Where the agent is: keys are sent again from there. */
  #askAgain() {
    this.#isAnswered = false;
    this.#askedAt = -Infinity;
  }

  #refused(frame) {
    if (frame.code === "read_only") return this.#onChange("refused", frame);
    // The agent has forgotten this viewer, which was silent for too long: it comes again.
    if (frame.code === "no_such_terminal" && this.#options.mode !== "readOnly") return this.#askAgain();
    this.#become("refused", frame);
  }

  #become(state, frame) {
    if (this.state === state) return;
    this.state = state;
    this.#onChange(state, frame);
  }

  #order(op, fields = {}) { return this.#send({ type: "terminal", op, viewer: this.#id, ...fields }); }
}

/** 22 characters that nobody can guess. */
export function viewerId() {
  const bytes = crypto.getRandomValues(new Uint8Array(17));
  return encode(bytes).replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
}

function encode(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function decode(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}
