// The lines that a log page holds: the newest so many, and of these the ones that are looked for. Without a page, so that
// it can be tested and measured alone.

const levels = [
  ["error", /\b(?:fatal|panic|critical|crit|error|err|severe|exception)\b/i],
  ["warn", /\bwarn(?:ing)?\b/i],
  ["debug", /\b(?:debug|trace|verbose)\b/i],
];

/** What a line says of its own weight: "error", "warn", "debug" or "info". Only its beginning counts. */
export function levelOf(text) {
  const beginning = text.slice(0, 160);
  for (const [level, pattern] of levels) if (pattern.test(beginning)) return level;
  return "info";
}

export class LogBuffer {
  /** Lines, oldest first: { number, at, stream, source, text, level }; notes of what is missing have isNote. */
  lines = [];
  /** Those of them that match the filter. */
  matching = [];
  #limit;
  #test = null;
  #number = 0;

  constructor(limit = 5000) { this.#limit = limit; }

  get total() { return this.#number; }

  /** test(line) says whether a line is looked for; null for all. */
  filter(test) {
    this.#test = test;
    this.matching = test ? this.lines.filter((line) => line.isNote || test(line)) : this.lines.slice();
  }

  add(lines) {
    for (const line of lines) {
      line.number = this.#number++;
      this.lines.push(line);
      if (!this.#test || line.isNote || this.#test(line)) this.matching.push(line);
    }
    // Cutting costs as much as the lines that stay: done rarely it costs next to nothing a line.
    if (this.lines.length > this.#limit * 1.2) this.trim();
  }

  /** Cuts to the limit. */
  trim() {
    if (this.lines.length <= this.#limit) return;
    this.lines = this.lines.slice(-this.#limit);
    const first = this.lines[0].number;
    let gone = 0;
    while (gone < this.matching.length && this.matching[gone].number < first) gone += 1;
    if (gone) this.matching = this.matching.slice(gone);
  }

  clear() {
    this.lines = [];
    this.matching = [];
  }
}

/** A test for LogBuffer.filter: text (or /pattern/), streams that are shown, least level. Null when all is shown. */
export function lineFilter({ text, hidden, level }) {
  const least = ["debug", "info", "warn", "error"].indexOf(level);
  const order = { debug: 0, info: 1, warn: 2, error: 3 };
  const pattern = textPattern(text);
  if (!pattern && !hidden.size && least <= 0) return null;
  return (line) => !hidden.has(line.stream) && order[line.level] >= least && (!pattern || pattern.test(line.text));
}

/** What is searched for as a pattern; null for nothing. What is not a pattern between its slashes is text. */
export function textPattern(text) {
  if (!text) return null;
  const given = /^\/(.+)\/$/.exec(text);
  if (given) {
    try {
      return new RegExp(given[1], "i");
    } catch {
      // As somebody types it, a pattern is often not one yet.
    }
  }
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
}
