// All clients: found by the beginning of their id, filtered, paged; dropped or moved between groups, one or several.
//
// Controls: #search (beginning of the id), #state, #group, #label (NAME=VALUE, several with spaces), #node, #filters (form), #clear,
// #clients (table body; rows data-client=ID with .select, .drop, .groups), #previous, #next, #page (which page), #select-all,
// #selection (bar) with #selection-count, #drop-selected, #move-from, #move-to, #move-selected, #groups-dialog with #group-add,
// #group-add-submit, .chip button (leave), and #clients-problem.

import { get, path, put, remove } from "./api.js";
import { badge, clearErrors, field, fieldError, h, input, problemNotice, replace, select, setText, showProblem, stateBadge, table } from "./dom.js";
import { ago, closeText, dash, latency, number } from "./format.js";
import { live } from "./live.js";
import { attempt, confirm, shell, toast } from "./shell.js";

const pageSize = 50;
const groupName = /^[A-Za-z0-9._:@-]{1,128}$/;
const main = shell({ title: "Clients", sub: "Everybody who is connected, and who was until lately." });
const controls = {
  search: input("search", { type: "search", placeholder: "Beginning of the id", maxlength: 128 }),
  state: select("state", [["", "Any"], "online", "suspect", "offline"]),
  group: input("group"),
  label: input("label", { placeholder: "role=till" }),
  node: input("node"),
};
const form = h("form", { id: "filters", class: "filters card", style: "padding:12px 14px", role: "search", novalidate: true },
  field("Client", controls.search, { names: ["invalid_client_id", "cursor"] }), field("State", controls.state),
  field("Group", controls.group, { names: ["invalid_group"] }), field("Labels", controls.label), field("Node", controls.node),
  h("button", { class: "primary" }, "Find"), h("button", { type: "button", id: "clear", class: "quiet" }, "Clear"));
const problem = h("div", { id: "clients-problem", "aria-live": "polite" });
const body = h("tbody", { id: "clients" });
const all = h("input", { type: "checkbox", id: "select-all", "aria-label": "Select all of this page" });
const count = h("span", { id: "selection-count" });
const [from, to] = [input("move-from", { placeholder: "none" }), input("move-to", { placeholder: "none" })];
const bar = h("form", { id: "selection", class: "filters card", style: "padding:10px 14px", hidden: true, novalidate: true }, count,
  field("From group", from), field("To group", to), h("button", { id: "move-selected", class: "primary" }, "Move"),
  h("button", { type: "button", id: "drop-selected", class: "danger" }, "Drop"));
const previous = h("button", { id: "previous", disabled: true }, "Previous");
const next = h("button", { id: "next", disabled: true }, "Next");
const page = h("span", { id: "page", class: "muted", role: "status" });
const list = table("Clients", ["", "Client", "State", "Health", "Node", "Groups", "Labels", "Seen", { text: "Ping", number: true }, "Last close", ""], body);
replace(list.querySelector("th"), all);

main.append(h("div", { class: "stack" }, form, problem, bar, h("section", { class: "card", "aria-label": "Clients" }, list),
  h("div", { class: "row spread" }, page, h("div", { class: "row" }, previous, next))));

/** Cursors of the pages before this one, and of the next. */
let trail = [];
let following = null;
let shown = [];
let asked = 0;
const selected = new Set();

function fromAddress() {
  const query = new URLSearchParams(location.search);
  for (const [name, control] of Object.entries(controls)) control.value = query.get(name) ?? "";
}

function toAddress() {
  const query = new URLSearchParams();
  for (const [name, control] of Object.entries(controls)) if (control.value.trim()) query.set(name, control.value.trim());
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
}

/** The filters as a query; null when one of them is wrong, which is then said next to it. */
function filters() {
  clearErrors(form);
  if (!/^[A-Za-z0-9._:@-]{0,128}$/.test(controls.search.value.trim())) {
    fieldError(controls.search, "A client id has 1-128 characters of A-Z a-z 0-9 . _ : @ -");
    return null;
  }
  const query = { state: controls.state.value, group: controls.group.value.trim(), node: controls.node.value.trim() };
  for (const pair of controls.label.value.trim().split(/\s+/).filter(Boolean)) {
    const at = pair.indexOf("=");
    if (at < 1) {
      fieldError(controls.label, "Write labels as NAME=VALUE.");
      return null;
    }
    query[`label.${pair.slice(0, at)}`] = pair.slice(at + 1);
  }
  return query;
}

function matches(client, query) {
  return (!query.state || client.state === query.state) && (!query.node || client.node === query.node)
    && (!query.group || client.groups.includes(query.group))
    && Object.entries(query).every(([name, value]) => !name.startsWith("label.") || client.labels[name.slice(6)] === value);
}

/** Clients come in the order of their ids: those that begin alike follow the one that is called so. */
async function read(query, cursor) {
  const prefix = controls.search.value.trim();
  const answer = await get("clients", { ...query, limit: pageSize, cursor: cursor ?? prefix });
  if (!prefix) return answer;
  const clients = answer.clients.filter((client) => client.clientId.startsWith(prefix));
  const next = clients.length === answer.clients.length ? answer.next : undefined;
  if (!cursor) {
    const exact = await get(path("clients", prefix)).catch((error) => {
      if (error.status === 404) return null;
      throw error;
    });
    if (exact && matches(exact, query)) clients.unshift(exact);
  }
  return { clients, next };
}

async function load() {
  const query = filters();
  if (!query) return;
  const turn = ++asked;
  try {
    const answer = await read(query, trail.at(-1));
    if (turn !== asked) return;
    replace(problem);
    shown = answer.clients;
    following = answer.next ?? null;
    show();
  } catch (error) {
    if (turn !== asked) return;
    if (error.status === 400) showProblem(form, error);
    else replace(problem, problemNotice(error));
  }
}

function find() {
  trail = [];
  selected.clear();
  toAddress();
  return load();
}

function chips(values, href) {
  const few = values.slice(0, 2);
  return h("div", { class: "row", style: "gap:4px;flex-wrap:nowrap" }, few.map((value) => h(href ? "a" : "span", { class: "chip", href: href?.(value) }, value)),
    values.length > 2 && h("span", { class: "muted small", title: values.slice(2).join(", ") }, `+${values.length - 2}`));
}

function row(client) {
  const id = client.clientId;
  const box = h("input", { type: "checkbox", class: "select", "aria-label": `Select ${id}`, checked: selected.has(id), onchange: () => {
    if (box.checked) selected.add(id); else selected.delete(id);
    showSelection();
  } });
  const link = `client?id=${encodeURIComponent(id)}`;
  return h("tr", { data: { client: id } }, h("td", {}, box), h("th", { scope: "row" }, h("a", { href: link }, id)),
    h("td", {}, stateBadge(client.state)),
    h("td", {}, client.level ? stateBadge(client.level) : client.health ? badge("reported") : h("span", { class: "muted" }, dash)),
    h("td", {}, client.node ?? dash), h("td", {}, client.groups.length ? chips(client.groups, (group) => `clients?group=${encodeURIComponent(group)}`) : dash),
    h("td", {}, Object.keys(client.labels).length ? chips(Object.entries(client.labels).map(([name, value]) => `${name}=${value}`)) : dash),
    h("td", { class: "nowrap" }, ago(client.lastSeenAt)), h("td", { class: "number" }, latency(client.rtt)),
    h("td", { class: "clip", title: client.closeReason }, client.closeCode ? closeText(client.closeCode, client.closeReason) : dash),
    h("td", { class: "actions" }, h("div", { class: "row", style: "flex-wrap:nowrap;gap:4px" },
      h("a", { class: "button tiny quiet", href: `${link}#mailbox` }, "Mailbox"),
      h("button", { class: "tiny groups", onclick: () => groups(client) }, "Groups"),
      h("button", { class: "tiny danger drop", disabled: client.state !== "online", onclick: (event) => drop(event.target, [id]) }, "Drop"))));
}

function show() {
  replace(body, shown.map(row));
  if (!shown.length) body.append(h("tr", {}, h("td", { class: "empty", colspan: 11 }, "No client is like this.")));
  setText(page, shown.length ? `Page ${trail.length + 1}: ${number(shown.length)} client${shown.length === 1 ? "" : "s"}` : "");
  previous.disabled = !trail.length;
  next.disabled = !following;
  showSelection();
}

function showSelection() {
  bar.hidden = !selected.size;
  all.checked = shown.length > 0 && shown.every((client) => selected.has(client.clientId));
  setText(count, `${number(selected.size)} selected`);
}

async function drop(button, ids) {
  const sure = await confirm(ids.length === 1 ? `Drop ${ids[0]}?` : `Drop ${ids.length} clients?`,
    "The connection is closed with 4004; an agent does not come back by itself after that.", "Drop");
  if (!sure) return;
  await each(button, ids, (id) => remove(path("clients", id), { query: { reason: "dropped in the console" } }), "dropped");
}

/** Does something for each client, several at once, and says what came of it. */
async function each(button, ids, action, done) {
  await attempt(button, async () => {
    const failures = [];
    const waiting = [...ids];
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (let id = waiting.shift(); id; id = waiting.shift()) await action(id).catch((error) => failures.push(`${id}: ${error.detail ?? error.message}`));
    }));
    if (failures.length) toast(`${failures.length} of ${ids.length} failed. ${failures.slice(0, 3).join(" ")}`, "red");
    if (failures.length < ids.length) toast(`${number(ids.length - failures.length)} ${done}`, "ok");
  });
  load();
}

function move(event) {
  event.preventDefault();
  clearErrors(bar);
  const [left, joined] = [from.value.trim(), to.value.trim()];
  if (!left && !joined) return fieldError(to, "Name a group.");
  for (const [control, name] of [[from, left], [to, joined]]) {
    if (name && !groupName.test(name)) return fieldError(control, "A group name has 1-128 characters of A-Z a-z 0-9 . _ : @ -");
  }
  return each(document.getElementById("move-selected"), [...selected], async (id) => {
    if (joined) await put(path("clients", id, "groups", joined));
    if (left) await remove(path("clients", id, "groups", left));
  }, "moved");
}

function groups(client) {
  const id = client.clientId;
  const control = input("group-add");
  const current = h("div", { class: "row" });
  const showGroups = (names) => replace(current, names.length ? names.map((name) => h("span", { class: "chip" }, name,
    h("button", { type: "button", "aria-label": `Leave ${name}`, onclick: (event) => change(event.target, remove, name) }, "×"))) : h("span", { class: "muted" }, "In no group."));
  const change = async (button, action, name) => {
    try {
      button.disabled = true;
      await action(path("clients", id, "groups", name));
      client.groups = client.groups.filter((group) => group !== name);
      if (action === put) client.groups.push(name);
      control.value = "";
      showGroups(client.groups);
    } catch (error) {
      showProblem(dialog, error, control);
    } finally {
      button.disabled = false;
    }
  };
  const join = (event) => {
    event.preventDefault();
    const name = control.value.trim();
    if (!groupName.test(name)) return fieldError(control, "A group name has 1-128 characters of A-Z a-z 0-9 . _ : @ -");
    return change(event.submitter, put, name);
  };
  const dialog = h("dialog", { id: "groups-dialog", "aria-labelledby": "groups-title", onclose: () => { dialog.remove(); load(); } },
    h("form", { onsubmit: join, novalidate: true }, h("h2", { id: "groups-title" }, `Groups of ${id}`), current, field("Join a group", control),
      h("div", { class: "end" }, h("button", { type: "button", onclick: () => dialog.close() }, "Close"), h("button", { id: "group-add-submit", class: "primary" }, "Join"))));
  showGroups(client.groups);
  document.body.append(dialog);
  dialog.showModal();
}

form.addEventListener("submit", (event) => { event.preventDefault(); find(); });
document.getElementById("clear").addEventListener("click", () => { form.reset(); find(); });
controls.state.addEventListener("change", find);
let typing;
for (const name of ["search", "group", "label", "node"]) {
  controls[name].addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(find, 350);
  });
}
all.addEventListener("change", () => {
  for (const client of shown) if (all.checked) selected.add(client.clientId); else selected.delete(client.clientId);
  show();
});
bar.addEventListener("submit", move);
document.getElementById("drop-selected").addEventListener("click", (event) => drop(event.target, [...selected]));
next.addEventListener("click", () => { trail.push(following); load(); });
previous.addEventListener("click", () => { trail.pop(); load(); });

// What happens makes the list old; it is read anew at most every other second, and not under the operator's hands.
let stale = false;
live.watch({ types: ["session"] }, () => { stale = true; });
setInterval(() => {
  if (!stale || document.hidden || selected.size || document.querySelector("dialog[open]") || body.contains(document.activeElement)) return;
  stale = false;
  load();
}, 2000);

fromAddress();
load();
