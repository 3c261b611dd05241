// Roll-outs: all that there are, and starting one.
//
// Controls: #new (shows the form), #rollout-form with #to-kind (clients, group, labels, all), #to, #work (command, push), #command-name,
// #data, #durable, #canary-kind (share, clients), #canary, #rate, #abort-share, #abort-minimum, #rollout-id, #start;
// #rollouts (table body, rows data-rollout=ID), #more, #rollouts-problem.

import * as api from "./api.js";
import { clearErrors, field, h, input, problemNotice, replace, select, showProblem, table } from "./dom.js";
import * as format from "./format.js";
import { live } from "./live.js";
import { parseExactly } from "./payload.js";
import { rolloutBadge, progress } from "./rolloutview.js";
import { confirm, shell } from "./shell.js";

const pageSize = 50;
const everyMs = 5000;

const rows = h("tbody", { id: "rollouts" });
const problem = h("div", { id: "rollouts-problem" });
const more = h("button", { id: "more", hidden: true, onclick: () => load(next) }, "More");
const newButton = h("button", { id: "new", class: "primary", "aria-expanded": "false", "aria-controls": "rollout-form", onclick: showForm }, "New roll-out");

const toKind = select("to-kind", [["group", "a group"], ["labels", "labels"], ["clients", "clients by name"], ["all", "everyone"]]);
const to = input("to", { placeholder: "tills" });
const work = select("work", [["command", "a command"], ["push", "a push"]]);
const commandName = input("command-name", { placeholder: "update" });
const data = h("textarea", { id: "data", spellcheck: "false" }, "{}");
const durable = h("input", { id: "durable", type: "checkbox", checked: true });
const durableLabel = h("label", { class: "check", hidden: true }, durable, "durable: it counts when it is acked");
const canaryKind = select("canary-kind", [["share", "per cent"], ["clients", "clients"]]);
const canary = input("canary", { type: "number", min: 0, value: 5 });
const rate = input("rate", { type: "number", min: 1, max: 60_000, value: 600 });
const abortShare = input("abort-share", { type: "number", min: 0, max: 100, value: 10 });
const abortMinimum = input("abort-minimum", { type: "number", min: 1, value: 10 });
const rolloutId = input("rollout-id", { placeholder: "made up by the node" });
const start = h("button", { id: "start", class: "primary" }, "Start");

const toField = field("To", to, { names: ["to", "group", "labels", "clients", "client", "invalid_target", "invalid_group", "invalid_client_id"], hint: "A group's name" });
const commandField = field("Command", commandName, { names: ["command", "name"] });
const form = h("form", { id: "rollout-form", class: "card", hidden: true, novalidate: true, onsubmit: submit, "aria-label": "New roll-out" },
  h("header", {}, h("h2", {}, "New roll-out")),
  h("div", { class: "body stack" },
    h("div", { class: "fields" }, field("Target", toKind), toField, field("What", work), commandField),
    field("Data (JSON)", data, { names: ["data", "push"] }), durableLabel,
    h("div", { class: "fields" },
      field("First", canary, { names: ["canary", "canary.share", "canary.clients"], hint: "The canary: those that try it first." }), field("counted in", canaryKind),
      field("Clients a minute", rate, { names: ["rate"] }),
      field("Abort over", abortShare, { names: ["abort", "abort.share"], hint: "Per cent of failures." }),
      field("once so many are decided", abortMinimum, { names: ["abort.minimum"] }), field("Id", rolloutId, { names: ["id"] })),
    h("div", { class: "row" }, start, h("button", { type: "button", onclick: showForm }, "Cancel"))));

const main = shell({ title: "Roll-outs", sub: "A command or push to many clients, a few first, stopped when it fails", actions: newButton });
main.append(h("div", { class: "stack" }, form, problem,
  h("section", { class: "card", "aria-label": "Roll-outs" },
    table("Roll-outs", ["Roll-out", "State", "Progress", { text: "Ok", number: true }, { text: "Failed", number: true }, "Started", "By"], rows)),
  more));

for (const control of [toKind, work]) control.addEventListener("input", showFields);

let next;
let isShown = 0;

async function load(cursor) {
  try {
    const page = await api.get("rollouts", { limit: cursor ? pageSize : Math.max(pageSize, Math.min(isShown, 500)), cursor });
    const found = page.rollouts.map(row);
    if (cursor) rows.append(...found);
    else replace(rows, found.length ? found : h("tr", {}, h("td", { colspan: 7, class: "empty" }, "There is no roll-out yet.")));
    isShown = rows.childElementCount;
    next = page.next;
    more.hidden = !next;
    replace(problem);
  } catch (error) {
    replace(problem, problemNotice(error));
  }
}

function row(rollout) {
  const { counts } = rollout;
  return h("tr", { data: { rollout: rollout.id } },
    h("th", { scope: "row" }, h("a", { href: `rollout?id=${encodeURIComponent(rollout.id)}` }, rollout.id)),
    h("td", {}, rolloutBadge(rollout.state)), h("td", {}, progress(counts)),
    h("td", { class: "number" }, format.number(counts.ok)), h("td", { class: "number" }, format.number(counts.failed)),
    h("td", { class: "nowrap" }, format.time(rollout.createdAt)), h("td", {}, rollout.by || format.dash));
}

function showForm() {
  form.hidden = !form.hidden;
  newButton.setAttribute("aria-expanded", String(!form.hidden));
  if (!form.hidden) toKind.focus();
}

const toHints = { group: "A group's name", labels: "role=till, floor=2", clients: "Ids, with commas or spaces between them", all: "" };

function showFields() {
  toField.hidden = toKind.value === "all";
  to.placeholder = { group: "tills", labels: "role=till", clients: "kiosk-7, kiosk-8" }[toKind.value] ?? "";
  toField.querySelector(".hint").textContent = toHints[toKind.value];
  commandField.hidden = work.value !== "command";
  durableLabel.hidden = work.value !== "push";
}

function target() {
  const words = to.value.split(/[\s,]+/).filter(Boolean);
  if (toKind.value === "all") return { all: true };
  if (toKind.value === "group") return { group: to.value.trim() };
  if (toKind.value === "clients") return { clients: words };
  const labels = {};
  for (const word of words) {
    const [label, ...value] = word.split("=");
    if (!value.length) throw Object.assign(new Error("Write labels as name=value."), { detail: "Write 'labels' as name=value." });
    labels[label] = value.join("=");
  }
  return { labels };
}

/** A share of 0-1 from a field in per cent. */
function share(control, name) {
  const text = control.value.trim();
  const number = Number(text);
  if (text && number >= 0 && number <= 100) return number / 100;
  throw Object.assign(new Error("not per cent"), { detail: `'${name}' must be a number of 0-100 per cent.` });
}

function wanted() {
  let content;
  try {
    content = data.value.trim() ? parseExactly(data.value) : null;
  } catch (error) {
    throw Object.assign(error, { detail: `The 'data' is not JSON: ${error.message}` });
  }
  return {
    ...(rolloutId.value.trim() && { id: rolloutId.value.trim() }),
    to: target(),
    ...(work.value === "command" ? { command: { name: commandName.value.trim(), data: content } } : { push: { data: content, durable: durable.checked } }),
    canary: canaryKind.value === "share" ? { share: share(canary, "canary.share") } : { clients: Number(canary.value) },
    rate: Number(rate.value),
    abort: { share: share(abortShare, "abort.share"), minimum: Number(abortMinimum.value) },
  };
}

async function submit(event) {
  event.preventDefault();
  clearErrors(form);
  let body;
  try {
    body = wanted();
  } catch (error) {
    return showProblem(form, error);
  }
  if (toKind.value === "all" && !(await confirm("To everyone?", "This goes to every client that is connected.", "Start"))) return;
  start.disabled = true;
  try {
    const made = await api.post("rollouts", body);
    location.href = `rollout?id=${encodeURIComponent(made.id)}`;
  } catch (error) {
    showProblem(form, error);
  } finally {
    start.disabled = false;
  }
}

let reload = null;
/** Soon, and once for many events. */
function loadSoon() { reload ??= setTimeout(() => { reload = null; load(); }, 300); }

live.watch({ types: ["rollout"] }, loadSoon);
live.on("open", loadSoon);
setInterval(() => { if (!document.hidden) load(); }, everyMs);
showFields();
load();
