// Follows streams of log lines: groups to which agents publish (switchboard agent --follow FILE --stream GROUP).
//
// Controls: #stream and #add-stream (in form #streams-form), #streams (a chip for each, with a switch and a remove button),
// #search (text or /pattern/), #level, #pause, #clear, #to-end (when scrolled up), #lines (the box), #rate, #kept, #skipped
// (data-lines and data-batches: how many were left out on the way), #client-token.

import { Switchboard } from "../switchboard.js";
import { field, h, input, select, setText } from "./dom.js";
import * as format from "./format.js";
import { identity, tokenField } from "./identity.js";
import { LogBuffer, levelOf, lineFilter, textPattern } from "./logbuffer.js";
import { LogLines } from "./loglines.js";
import { shell, toast } from "./shell.js";

const historyBatches = 50;
const colours = 6;
const mostStreams = 20;
const isName = /^[A-Za-z0-9._:@-]{1,128}$/;

const buffer = new LogBuffer();
/** Names to { colour, isHidden, chip }, in the order of adding. */
const streams = new Map();
const skipped = { lines: 0, batches: 0 };
let switchboard = null;
/** The lines that are shown while it is paused: those of the moment it was. */
let paused = null;
let pattern = null;
let arrivedNow = 0;

const streamName = input("stream", { placeholder: "log:checkout", required: true });
const search = input("search", { type: "search", placeholder: "text or /pattern/" });
const level = select("level", [["debug", "all"], ["info", "info and up"], ["warn", "warnings and errors"], ["error", "errors"]]);
const pause = h("button", { id: "pause", "aria-pressed": "false", onclick: togglePause }, "Pause");
const toEnd = h("button", { id: "to-end", class: "tiny", hidden: true, onclick: () => view.follow() }, "Newest ↓");
const chips = h("ul", { id: "streams", class: "row", "aria-label": "Streams" });
const rate = h("span", { id: "rate" }, "0 lines/s");
const kept = h("span", { id: "kept" }, "0 lines");
const missing = h("span", { id: "skipped", class: "badge amber", hidden: true, data: { lines: 0, batches: 0 } });
const connection = h("span", { id: "connection", role: "status" }, "");
const view = new LogLines("lines", describe, (follows) => { toEnd.hidden = follows; });

const form = h("form", { id: "streams-form", class: "filters", onsubmit: add }, field("Stream", streamName),
  h("button", { id: "add-stream", class: "primary" }, "Follow"), field("Search", search), field("Level", level), pause,
  h("button", { id: "clear", type: "button", onclick: clear }, "Clear"));
pause.type = "button";
const main = shell({ title: "Logs", sub: "Lines as agents publish them" });
main.classList.add("tall");
main.append(form, chips, view.element,
  h("div", { class: "row spread muted small" }, h("div", { class: "row" }, connection, rate, kept, missing), toEnd),
  tokenField(connect));

for (const control of [search, level]) control.addEventListener("input", filter);

function describe(line) {
  if (line.isNote) return { time: format.time(line.at), stream: line.stream, className: "note" };
  const from = line.source && line.source !== line.stream ? `${line.stream} ${line.source}` : line.stream;
  return { time: clock(line.at), stream: from, className: `level-${line.level} stream-${streams.get(line.stream)?.colour ?? 0}` };
}

function clock(at) {
  const when = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${String(when.getMilliseconds()).padStart(3, "0")}`;
}

// Streams -----------------------------------------------------------------------------------------------------------

function add(event) {
  event.preventDefault();
  const name = streamName.value.trim();
  if (!isName.test(name)) return toast("A stream is a group: letters, digits and . _ : @ -", "red");
  if (streams.size >= mostStreams) return toast(`At most ${mostStreams} streams`, "red");
  streamName.value = "";
  follow(name);
  remember();
}

function follow(name) {
  if (streams.has(name)) return;
  const stream = { colour: streams.size % colours, isHidden: false };
  const shown = h("input", { type: "checkbox", checked: true, "aria-label": `Show ${name}` });
  shown.addEventListener("input", () => {
    stream.isHidden = !shown.checked;
    filter();
  });
  stream.chip = h("li", { class: `chip stream-${stream.colour}`, data: { stream: name } }, shown, h("span", { class: "from" }, name),
    h("button", { "aria-label": `Stop following ${name}`, onclick: () => unfollow(name) }, "×"));
  streams.set(name, stream);
  chips.append(stream.chip);
  if (switchboard) switchboard.join(name, { history: historyBatches });
  else connect();
}

function unfollow(name) {
  streams.get(name).chip.remove();
  streams.delete(name);
  switchboard?.leave(name);
  remember();
  filter();
}

function remember() {
  const url = new URL(location.href);
  url.searchParams.delete("stream");
  for (const name of streams.keys()) url.searchParams.append("stream", name);
  history.replaceState(null, "", url);
}

// The connection ----------------------------------------------------------------------------------------------------

function connect() {
  switchboard?.close();
  if (!streams.size) return;
  switchboard = new Switchboard({
    url: location.origin, ...identity("logs"), slow: "skip", maxWaiting: 5000, maxWaitingBytes: 32 << 20, onPush: received, onEvent: happened,
  });
  for (const name of streams.keys()) switchboard.join(name, { history: historyBatches });
  // The events say what became of it.
  switchboard.connect().catch(() => {});
}

function happened(event) {
  if (event.type === "connected") setText(connection, `connected to ${event.node}`);
  else if (event.type === "disconnected" || event.type === "attemptFailed") setText(connection, "reconnecting");
  else if (event.type === "stopped") setText(connection, event.error.message);
  else if (event.type === "refused") toast(event.message, "red");
  else if (event.type === "missed") missed(event);
}

function missed(event) {
  const stream = event.channel.replace(/^group:/, "");
  const count = event.count ?? 0;
  skip({ batches: count });
  note(stream, count ? `${format.number(count)} batches skipped: this page is too slow` : "older batches are gone");
}

function received(push) {
  if (!push.channel.startsWith("group:")) return;
  const stream = push.channel.slice("group:".length);
  if (!streams.has(stream)) return;
  const { data } = push;
  const source = push.from ?? (typeof data?.source === "string" ? data.source : undefined);
  const lost = Number.isInteger(data?.skipped) ? data.skipped : 0;
  if (lost > 0) {
    skip({ lines: lost });
    note(stream, `${format.number(lost)} lines skipped by ${source ?? "the agent"}`);
  }
  const given = Array.isArray(data?.lines) ? data.lines : [{ text: typeof data === "string" ? data : JSON.stringify(data) }];
  const now = Date.now();
  const lines = given.map((line) => {
    const text = typeof line?.text === "string" ? line.text : typeof line === "string" ? line : JSON.stringify(line);
    return { at: Number.isFinite(line?.at) ? line.at : now, stream, source, text, level: levelOf(text) };
  });
  arrivedNow += lines.length;
  buffer.add(lines);
  changed();
}

function skip({ lines = 0, batches = 0 }) {
  skipped.lines += lines;
  skipped.batches += batches;
  const parts = [];
  if (skipped.lines) parts.push(`${format.number(skipped.lines)} lines`);
  if (skipped.batches) parts.push(`${format.number(skipped.batches)} batches`);
  setText(missing, `skipped ${parts.join(" and ")}`);
  Object.assign(missing.dataset, skipped);
  missing.hidden = !parts.length;
}

function note(stream, text) {
  buffer.add([{ at: Date.now(), stream, text, level: "warn", isNote: true }]);
  changed();
}

// What is shown ------------------------------------------------------------------------------------------------------

function changed() {
  if (!paused) view.show(buffer.matching, pattern);
}

function filter() {
  const hidden = new Set([...streams].filter(([, stream]) => stream.isHidden).map(([name]) => name));
  const text = search.value.trim();
  pattern = textPattern(text);
  const test = lineFilter({ text, hidden, level: level.value });
  buffer.filter(test);
  if (paused) view.show(test ? paused.filter((line) => line.isNote || test(line)) : paused, pattern);
  else changed();
}

function togglePause() {
  if (paused) {
    paused = null;
    view.follow();
  } else {
    buffer.trim();
    paused = buffer.lines.slice();
  }
  pause.setAttribute("aria-pressed", String(Boolean(paused)));
  setText(pause, paused ? "Resume" : "Pause");
  filter();
}

function clear() {
  buffer.clear();
  if (paused) paused = [];
  filter();
}

setInterval(() => {
  setText(rate, `${format.number(arrivedNow)} lines/s`);
  arrivedNow = 0;
  buffer.trim();
  setText(kept, `${format.number(buffer.lines.length)} lines kept`);
}, 1000);

for (const name of new URL(location.href).searchParams.getAll("stream").filter((name) => isName.test(name)).slice(0, mostStreams)) {
  follow(name);
}
