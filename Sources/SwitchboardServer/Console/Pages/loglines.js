// Shows thousands of lines with a few dozen elements: those in sight, written anew at most once a frame.

import { h, setText } from "./dom.js";

const rowHeight = 20;
const spare = 8;

export class LogLines {
  /** The box that scrolls. */
  element;
  #rows = [];
  #spacer = h("div", { class: "log-spacer" });
  #lines = [];
  #pattern = null;
  #follows = true;
  /** How high all lines were when they were drawn last: what a scroll event is about. */
  #height = 0;
  #isDrawing = false;
  #onFollow;
  #describe;

  /** describe(line) gives { time, stream, className }; onFollow(bool) is told when the newest are followed or not. */
  constructor(id, describe, onFollow) {
    this.#describe = describe;
    this.#onFollow = onFollow;
    this.element = h("div", { id, class: "log-lines", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Lines" }, this.#spacer);
    this.element.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  get follows() { return this.#follows; }

  /** Shows other lines; pattern: what is marked in them. Drawn with the next frame. */
  show(lines, pattern) {
    // Numbers do not change: when older lines were cut, what a reader looks at stays where it is.
    if (!this.#follows && this.#lines.length && lines.length) {
      const moved = this.#place(lines, this.#lines[Math.floor(this.element.scrollTop / rowHeight)]);
      if (moved !== 0) this.element.scrollTop = Math.max(0, this.element.scrollTop + moved * rowHeight);
    }
    this.#lines = lines;
    this.#pattern = pattern;
    this.draw();
  }

  follow() {
    this.#setFollows(true);
    this.draw();
  }

  draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#drawNow();
    });
  }

  /** By how many rows a line is elsewhere in the list that comes. */
  #place(lines, line) {
    if (!line) return 0;
    let low = 0;
    let high = lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (lines[middle].number < line.number) low = middle + 1;
      else high = middle;
    }
    return low - Math.floor(this.element.scrollTop / rowHeight);
  }

  #scrolled() {
    const box = this.element;
    this.#setFollows(box.scrollTop + box.clientHeight >= this.#height - rowHeight);
    this.draw();
  }

  #setFollows(follows) {
    if (this.#follows === follows) return;
    this.#follows = follows;
    this.#onFollow?.(follows);
  }

  #drawNow() {
    const box = this.element;
    const height = box.clientHeight;
    this.#height = this.#lines.length * rowHeight;
    this.#spacer.style.height = `${this.#height}px`;
    if (this.#follows) box.scrollTop = Math.max(0, this.#height - height);
    const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - spare);
    const count = Math.min(this.#lines.length - first, Math.ceil(height / rowHeight) + 2 * spare);
    while (this.#rows.length < count) this.#rows.push(this.#makeRow());
    this.#rows.forEach((row, index) => this.#fill(row, index < count ? this.#lines[first + index] : null, first + index));
  }

  #makeRow() {
    const row = { time: h("span", { class: "when" }), stream: h("span", { class: "from" }), text: h("span", { class: "text" }), line: null };
    row.element = h("div", { class: "log-line" }, row.time, row.stream, row.text);
    this.#spacer.append(row.element);
    return row;
  }

  #fill(row, line, index) {
    row.element.hidden = !line;
    if (!line) return;
    row.element.style.transform = `translateY(${index * rowHeight}px)`;
    if (row.line === line && row.pattern === this.#pattern) return;
    row.line = line;
    row.pattern = this.#pattern;
    const { time, stream, className } = this.#describe(line);
    row.element.className = `log-line ${className}`;
    setText(row.time, time);
    setText(row.stream, stream);
    mark(row.text, line.text, line.isNote ? null : this.#pattern);
  }
}

/** A text with the first places that match marked. */
function mark(element, text, pattern) {
  if (!pattern) return setText(element, text);
  element.replaceChildren();
  let rest = text;
  for (let count = 0; count < 10; count += 1) {
    const found = pattern.exec(rest);
    if (!found?.[0]) break;
    element.append(rest.slice(0, found.index), h("mark", {}, found[0]));
    rest = rest.slice(found.index + found[0].length);
  }
  element.append(rest);
}
