// Composing a payload, and requests that hold it byte for byte: numbers are not rounded on their way through the browser.

import { field, h, input, select } from "./dom.js";

/** What is wrong with a control, found before anything was sent. */
export class FieldError extends Error {
  constructor(control, message) {
    super(message);
    this.control = control;
  }
}

/** Controls: #PREFIX-kind (data, text or base64) and #PREFIX-payload. */
export class PayloadEditor {
  constructor(prefix, { label = "Payload", text = "" } = {}) {
    this.kind = select(`${prefix}-kind`, [["data", "JSON"], ["text", "Text"], ["base64", "Binary (base64)"]]);
    this.text = h("textarea", { id: `${prefix}-payload`, spellcheck: "false", value: text });
    this.element = h("div", { class: "stack tight" },
      field("Format", this.kind), field(label, this.text, { names: ["data", "text", "base64", "invalid_payload", "body_too_large", "invalid_json"] }));
  }

  /** A member such as "data":[1.50], as it was typed; "" when it is empty and may be. */
  member({ optional = false } = {}) {
    const [kind, text] = [this.kind.value, this.text.value];
    if (kind === "text") return text || !optional ? `"text":${JSON.stringify(text)}` : "";
    if (kind === "base64") return `"base64":${JSON.stringify(text.replace(/\s/g, ""))}`;
    if (!text.trim()) {
      if (optional) return "";
      throw new FieldError(this.text, "Write JSON, or choose Text.");
    }
    try {
      JSON.parse(text);
    } catch (error) {
      throw new FieldError(this.text, `This is not JSON: ${error.message}.`);
    }
    return `"data":${text.trim()}`;
  }
}

/** An object as JSON, with further members that are JSON already. */
export function compose(members, ...raw) {
  const texts = Object.entries(members).filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${[...texts, ...raw.filter(Boolean)].join(",")}}`;
}

/** JSON whose numbers are printed as they were written, in browsers that can (JSON.rawJSON). */
export function parseExactly(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) => (
    typeof value === "number" && context?.source && context.source !== String(value) ? JSON.rawJSON(context.source) : value));
}

/** A whole number from a control, or undefined when it is empty. */
export function wholeNumber(control, low, high) {
  const text = control.value.trim();
  if (!text) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new FieldError(control, `Write a whole number from ${low} to ${high}.`);
  }
  return value;
}

/** A number input for field(). */
export function numberInput(id, properties) { return input(id, { inputmode: "numeric", ...properties }); }
