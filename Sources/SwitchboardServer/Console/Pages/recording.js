// What a viewer has seen, as asciicast v2 (https://docs.asciinema.org/manual/asciicast/v2/): `asciinema play FILE`.

const mostBytes = 16 * 1024 * 1024;

export class Recording {
  #header = null;
  #lines = [];
  #bytes = 0;
  #began = 0;
  /** Whether the end is missing, because it was too much. */
  isCut = false;

  get isEmpty() { return !this.#lines.length; }

  begin(columns, rows, title, now = Date.now()) {
    if (this.#header) return;
    this.#began = now;
    this.#header = { version: 2, width: columns, height: rows, timestamp: Math.floor(now / 1000), title };
  }

  output(text, now = Date.now()) { this.#add("o", text, now); }

  resized(columns, rows, now = Date.now()) { this.#add("r", `${columns}x${rows}`, now); }

  #add(kind, text, now) {
    if (!this.#header || this.isCut || !text) return;
    const line = JSON.stringify([(now - this.#began) / 1000, kind, text]);
    this.#bytes += line.length;
    if (this.#bytes > mostBytes) this.isCut = true;
    else this.#lines.push(line);
  }

  get text() { return `${[JSON.stringify(this.#header), ...this.#lines].join("\n")}\n`; }
}

/** Offers a text as a file to save. */
export function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/x-asciicast" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken the text over by the time it asks where to put it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
