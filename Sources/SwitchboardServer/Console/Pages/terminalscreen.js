// xterm.js in a box: fits it, feeds it at the pace at which it draws, and says what was typed as bytes.

const fontSize = 14;
const smallest = { columns: 20, rows: 5 };
/** What a terminal answers by itself when a program asks it: where the cursor is, what it can do. */
const isAnswer = /^\x1b(?:\[[?>]?[\d;]*[Rnc]|\].*|P.*)$/s;
const replayMs = 1000;

export class TerminalScreen {
  #terminal;
  #box;
  #options;
  #decoder = new TextDecoder();
  #waiting = [];
  #offset = 0;
  #isWriting = false;
  #replayUntil = 0;
  #observer;
  #encoder = new TextEncoder();

  /** options: { isReadOnly, reader, onKeys(bytes), onDrawn(offset), onText(text), onSize(columns, rows), onTitle, onLeave }. */
  constructor(Terminal, box, options) {
    this.#box = box;
    this.#options = options;
    this.#terminal = new Terminal({
      fontSize, fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono").trim() || "monospace",
      scrollback: 5000, cursorBlink: false, disableStdin: options.isReadOnly, screenReaderMode: options.reader, theme: theme(),
    });
    this.#terminal.open(box);
    this.#label();
    this.#terminal.on("data", (text) => this.#typed(text));
    this.#terminal.on("title", (title) => options.onTitle(title));
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (!(event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "e")) return true;
      event.preventDefault();
      if (event.type === "keydown") options.onLeave();
      return false;
    });
    this.fit();
    this.#observer = new ResizeObserver(() => this.fit());
    this.#observer.observe(box);
  }

  get columns() { return this.#terminal.cols; }
  get rows() { return this.#terminal.rows; }

  focus() { this.#terminal.focus(); }

  /** Takes as many columns and rows as there is room for. */
  fit() {
    const grid = this.#box.querySelector(".xterm-screen")?.getBoundingClientRect();
    if (!grid?.width || !this.#box.clientWidth) return;
    const style = getComputedStyle(this.#box);
    const room = (one, other) => parseFloat(style[one]) + parseFloat(style[other]);
    const scrollbar = this.#box.querySelector(".xterm-viewport");
    const width = this.#box.clientWidth - room("paddingLeft", "paddingRight") - (scrollbar.offsetWidth - scrollbar.clientWidth);
    const height = this.#box.clientHeight - room("paddingTop", "paddingBottom");
    const columns = Math.max(smallest.columns, Math.floor(width / (grid.width / this.columns)));
    const rows = Math.max(smallest.rows, Math.floor(height / (grid.height / this.rows)));
    if (columns === this.columns && rows === this.rows) return;
    if (!this.#options.isReadOnly) this.setSize(Math.min(columns, 1000), Math.min(rows, 1000));
    this.#options.onSize(this.columns, this.rows);
  }

  setSize(columns, rows) { this.#terminal.resize(columns, rows); }

  /** Bytes that end at `offset` of the output. They are drawn soon, and onDrawn says when. */
  write(bytes, offset) {
    this.#waiting.push(bytes);
    this.#offset = offset;
    this.#drainSoon();
  }

  #drainSoon() {
    if (this.#isWriting || !this.#waiting.length) return;
    this.#isWriting = true;
    setTimeout(() => this.#drain());
  }

  #drain() {
    if (!this.#terminal) return;
    const text = this.#waiting.map((bytes) => this.#decoder.decode(bytes, { stream: true })).join("");
    const offset = this.#offset;
    this.#waiting = [];
    this.#terminal.write(text);
    this.#options.onText(text);
    // The terminal works on what it was given in a task of its own, which comes before this one.
    setTimeout(() => {
      if (!this.#terminal) return;
      this.#isWriting = false;
      this.#options.onDrawn(offset);
      this.#drainSoon();
    });
  }

  reset() {
    this.#waiting = [];
    this.#decoder = new TextDecoder();
    this.#terminal.reset();
  }

  /** What comes now was output before: what it asks of the terminal was answered then. */
  replaying() { this.#replayUntil = performance.now() + replayMs; }

  /** A line of the page itself, below the output. */
  say(text) { this.write(this.#encoder.encode(`\r\n\x1b[0;7m ${text} \x1b[0m\r\n`), this.#offset); }

  setTheme() { this.#terminal.setOption("theme", theme()); }

  /** Whether the lines are there as text, for screen readers. */
  setReader(isOn) {
    this.#options.reader = isOn;
    this.#terminal.setOption("screenReaderMode", isOn);
    this.#label();
  }

  close() {
    this.#observer.disconnect();
    this.#terminal.destroy();
    this.#terminal = null;
    this.#box.replaceChildren();
  }

  #label() {
    this.#box.querySelector("textarea")?.setAttribute("aria-label", "Terminal input");
  }

  #typed(text) {
    if (this.#options.isReadOnly) return;
    if (performance.now() < this.#replayUntil && isAnswer.test(text)) return;
    this.#options.onKeys(this.#encoder.encode(text));
  }
}

/** A terminal is dark in either theme: programs choose their colours for that. */
function theme() {
  return { background: "#10141b", foreground: "#e4e9f1", cursor: "#86abff", selection: "rgba(134, 171, 255, 0.35)" };
}
