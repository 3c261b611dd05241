// One client: what is known of it, what happens with it now, pushes and commands to it, what waits for it, its groups.
//
// Controls: #state-badge, #drop, #terminal-link, #logs-link, #facts, #health, #groups, #group-form with #group and .chip button (leave),
// #send-push (form): #push-kind, #push-payload, #push-durable, #push-ttl, #push-collapse, #push-wait, #push-submit, #push-answer;
// #send-command (form): #command-name, #command-kind, #command-payload, #command-timeout, #command-submit, #command-cancel,
// #command-output (streamed pieces), #command-answer; #mailbox (card) with #mailbox-rows (data-push=ID, .cancel), #mailbox-empty,
// #mailbox-more; #events (live log), #events-filter, #events-pause, #events-clear; #client-problem.

import { fetchAPI, get, path, post, put, remove, APIError } from "./api.js";
import { badge, card, clearErrors, facts, field, fieldError, h, input, problemNotice, replace, select, setText, showProblem, stateBadge, table } from "./dom.js";
import { ago, bytes, closeText, dash, duration, latency, number, time } from "./format.js";
import { healthFacts } from "./health.js";
import { live } from "./live.js";
import { compose, FieldError, numberInput, parseExactly, PayloadEditor, wholeNumber } from "./payload.js";
import { attempt, confirm, shell } from "./shell.js";

const id = new URLSearchParams(location.search).get("id") ?? "";
const groupName = /^[A-Za-z0-9._:@-]{1,128}$/;
const mostEvents = 500;
let loadMailbox = () => {};
let changeTimer = null;

const state = h("span", { id: "state-badge" });
const dropButton = h("button", { id: "drop", class: "danger", disabled: true, onclick: drop }, "Drop");
const main = shell({ title: id || "No client", actions: [state,
  h("a", { id: "terminal-link", class: "button", href: `terminal?client=${encodeURIComponent(id)}&terminal=console`,
    onclick: () => sessionStorage.setItem("switchboard.terminal", `${id} console`) }, "Open terminal"), dropButton] });
const problem = h("div", { id: "client-problem", "aria-live": "polite" });
const known = h("div", { class: "body", id: "facts" });
const health = h("div", { class: "body", id: "health" });
const level = h("span", {});
const groups = h("div", { class: "row", id: "groups" });
const group = input("group", { placeholder: "Name of a group" });
const groupForm = h("form", { id: "group-form", class: "filters", novalidate: true, onsubmit: join }, field("Join a group", group, { names: ["invalid_group"] }), h("button", {}, "Join"));

main.append(problem);
if (id) {
  main.append(h("div", { class: "split" },
    h("div", { class: "stack" }, pushCard(), commandCard(), eventsCard()),
    h("div", { class: "stack" },
      card("Presence", {}, known), card("Health", { actions: level }, health),
      card("Groups", {}, h("div", { class: "body stack tight" }, groups, groupForm)), mailboxCard())));
  load();
  setInterval(() => { if (!document.hidden) load(); }, 5000);
} else {
  main.append(h("p", { class: "notice" }, "The address names no client. ", h("a", { href: "clients" }, "Choose one.")));
}

// What is known of it.

async function load() {
  try {
    const client = await get(path("clients", id));
    replace(problem);
    show(client);
  } catch (error) {
    replace(problem, error.status === 404
      ? h("p", { class: "notice amber" }, `Nothing is known of ${id}: it has not connected lately. What is sent durably waits for it.`) : problemNotice(error));
    if (error.status === 404) replace(state, badge("unknown"));
  }
}

function show(client) {
  replace(state, stateBadge(client.state));
  dropButton.disabled = client.state !== "online";
  const labels = Object.entries(client.labels);
  replace(known, facts([
    ["Node", client.node], ["Address", client.address], ["Agent", client.userAgent], ["Connected", client.connectedAt && `${ago(client.connectedAt)}, ${time(client.connectedAt)}`],
    ["Last seen", ago(client.lastSeenAt)], ["Ping", client.rtt === undefined ? null : latency(client.rtt)], ["Session", client.session && h("code", {}, client.session)],
    ["Epoch", client.epoch], ["Labels", labels.length ? h("span", { class: "row", style: "gap:4px" }, labels.map(([name, value]) => h("span", { class: "chip" }, `${name}=${value}`))) : null],
    ["Disconnected", client.disconnectedAt && `${ago(client.disconnectedAt)}, ${time(client.disconnectedAt)}`],
    ["Last close", client.closeCode ? closeText(client.closeCode, client.closeReason) : null],
  ]));
  replace(level, client.level && stateBadge(client.level));
  replace(health, client.health ? facts(healthFacts(client.health)) : h("p", { class: "muted" }, "It reports no health. An agent does with --monitor."));
  showGroups(client.groups);
}

function showGroups(names) {
  replace(groups, names.length ? names.map((name) => h("span", { class: "chip" }, h("a", { href: `clients?group=${encodeURIComponent(name)}` }, name),
    h("button", { type: "button", "aria-label": `Leave ${name}`, onclick: (event) => attempt(event.target, () => remove(path("clients", id, "groups", name)), `${id} left ${name}`).then(load) }, "×")))
    : h("span", { class: "muted" }, "In no group."));
}

async function join(event) {
  event.preventDefault();
  clearErrors(groupForm);
  const name = group.value.trim();
  if (!groupName.test(name)) return fieldError(group, "A group name has 1-128 characters of A-Z a-z 0-9 . _ : @ -");
  try {
    await put(path("clients", id, "groups", name));
    group.value = "";
    load();
  } catch (error) {
    showProblem(groupForm, error, group);
  }
}

async function drop() {
  const sure = await confirm(`Drop ${id}?`, "The connection is closed with 4004; an agent does not come back by itself after that.", "Drop");
  if (!sure) return;
  await attempt(dropButton, () => remove(path("clients", id), { query: { reason: "dropped in the console" } }), `${id} was dropped`);
  load();
}

// Sending.

/** Runs what a form does; what is wrong is said next to its field. */
function submitting(form, button, action) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearErrors(form);
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      if (error instanceof FieldError) {
        fieldError(error.control, error.message);
        error.control.focus();
      } else if (error.name !== "AbortError") showProblem(form, error);
    } finally {
      button.disabled = false;
    }
  });
}

function pushCard() {
  const payload = new PayloadEditor("push", { text: '{"hello": 1}' });
  const durable = h("input", { type: "checkbox", id: "push-durable" });
  const ttl = numberInput("push-ttl", { placeholder: "86400" });
  const collapse = input("push-collapse");
  const wait = numberInput("push-wait", { placeholder: "0" });
  const submit = h("button", { id: "push-submit", class: "primary" }, "Push");
  const answer = h("div", { id: "push-answer", "aria-live": "polite" });
  const form = h("form", { id: "send-push", class: "body stack tight", novalidate: true }, payload.element,
    h("div", { class: "fields" }, field("Keep for, s", ttl, { names: ["ttl"] }), field("Collapse key", collapse, { names: ["collapse"] }), field("Wait for its ack, s", wait, { names: ["wait", "Prefer"] })),
    h("div", { class: "row spread" }, h("label", { class: "check" }, durable, "Durable: keep it until it is acked"), submit), answer);
  submitting(form, submit, async () => {
    const seconds = wholeNumber(wait, 0, 60);
    const body = compose({ to: { client: id }, durable: durable.checked || undefined, ttl: wholeNumber(ttl, 1, 2_592_000), collapse: collapse.value.trim() }, payload.member());
    const counts = await post("push", body, { headers: seconds ? { Prefer: `wait=${seconds}` } : {} });
    replace(answer, pushAnswer(counts));
    loadMailbox();
  });
  return card("Push", {}, form);
}

function pushAnswer(counts) {
  const words = [["delivered", "ok"], ["acked", "ok"], ["queued", "info"], ["dropped", "red"], ["offline", "amber"]]
    .filter(([name]) => counts[name]).map(([name, kind]) => badge(`${name} ${number(counts[name])}`, kind));
  return h("div", { class: "row" }, words.length ? words : badge("nobody got it", "amber"), h("code", { class: "small" }, counts.id));
}

function commandCard() {
  const name = input("command-name", { placeholder: "restart" });
  const payload = new PayloadEditor("command", { label: "Data (optional)" });
  const timeout = numberInput("command-timeout", { value: "30" });
  const submit = h("button", { id: "command-submit", class: "primary" }, "Send command");
  const cancel = h("button", { type: "button", id: "command-cancel", hidden: true }, "Cancel");
  const output = h("pre", { class: "output", id: "command-output", hidden: true, tabindex: "0", "aria-label": "Output" });
  const answer = h("div", { id: "command-answer", "aria-live": "polite" });
  const form = h("form", { id: "send-command", class: "body stack tight", novalidate: true },
    h("div", { class: "fields" }, field("Command", name, { names: ["name"] }), field("Timeout, s", timeout, { names: ["timeout"] })), payload.element,
    h("div", { class: "row", style: "justify-content:flex-end" }, cancel, submit), output, answer);
  submitting(form, submit, async () => {
    if (!name.value.trim()) throw new FieldError(name, "Name the command.");
    const body = compose({ name: name.value.trim(), timeout: wholeNumber(timeout, 1, 600) }, payload.member({ optional: true }));
    const controller = new AbortController();
    cancel.onclick = () => controller.abort();
    cancel.hidden = false;
    output.hidden = true;
    replace(output);
    replace(answer, badge("running", "info"));
    try {
      const response = await fetchAPI("POST", path("clients", id, "commands"), { body, headers: { Accept: "text/event-stream" }, signal: controller.signal });
      await readStream(response, (event, data) => {
        if (event === "output") {
          output.hidden = false;
          output.append(document.createTextNode(payloadText(data)));
          output.scrollTop = output.scrollHeight;
        } else if (event === "gap") {
          output.append(h("em", { class: "muted" }, `\n[pieces left out: ${JSON.stringify(data)}]\n`));
        } else if (event === "result") {
          replace(answer, h("div", { class: "stack tight" },
            h("div", { class: "row" }, badge(`status ${data.status}`, data.status < 300 ? "ok" : data.status < 500 ? "amber" : "red"), h("span", { class: "muted" }, latency(data.ms)), h("code", { class: "small" }, data.id)),
            payloadText(data) && h("pre", { class: "output" }, payloadText(data))));
        } else if (event === "error") {
          throw new APIError(data.status, data);
        }
      });
    } catch (error) {
      replace(answer, error.name === "AbortError" && badge("cancelled", "amber"));
      throw error;
    } finally {
      cancel.hidden = true;
    }
  });
  return card("Command", {}, form);
}

function payloadText(value) {
  if (value.text !== undefined) return value.text;
  if (value.base64 !== undefined) return `${value.base64} (base64)`;
  if (value.data === undefined) return "";
  return typeof value.data === "string" ? value.data : JSON.stringify(value.data, null, 2);
}

/** Reads server-sent events until their end. */
async function readStream(response, onEvent) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const member = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (member("event")) onEvent(member("event"), parseExactly(member("data") ?? "null"));
    }
  }
}

// What waits for it.

function mailboxCard() {
  const body = h("tbody", { id: "mailbox-rows" });
  const size = h("span", { class: "muted" });
  const empty = h("button", { id: "mailbox-empty", class: "tiny danger", disabled: true }, "Empty");
  const more = h("button", { id: "mailbox-more", class: "tiny", hidden: true }, "More");
  let next = null;
  const row = (push) => h("tr", { data: { push: push.id } }, h("th", { scope: "row", class: "mono short", title: push.id }, push.id), h("td", { class: "nowrap" }, ago(push.at)),
    h("td", { class: "nowrap" }, push.expiresAt ? `in ${duration(Math.max(0, (new Date(push.expiresAt) - Date.now()) / 1000), 1)}` : dash), h("td", { class: "number" }, bytes(push.bytes)),
    h("td", {}, push.collapse ?? dash), h("td", { class: "actions" },
      h("button", { class: "tiny cancel", onclick: (event) => attempt(event.target, () => remove(path("clients", id, "mailbox", push.id)), `${push.id} was taken back`).then(loadMailbox) }, "Take back")));
  const read = async (cursor) => {
    try {
      const answer = await get(path("clients", id, "mailbox"), { limit: 20, cursor });
      if (!cursor) replace(body);
      body.append(...answer.pushes.map(row));
      if (!body.childElementCount) body.append(h("tr", {}, h("td", { class: "empty", colspan: 6 }, "Nothing waits.")));
      setText(size, `${number(answer.count)} · ${bytes(answer.bytes)}`);
      empty.disabled = !answer.count;
      next = answer.next ?? null;
      more.hidden = !next;
    } catch (error) {
      replace(body, h("tr", {}, h("td", { colspan: 6 }, problemNotice(error))));
    }
  };
  loadMailbox = () => read(undefined);
  more.addEventListener("click", () => read(next));
  empty.addEventListener("click", async () => {
    if (!await confirm("Empty the mailbox?", `What waits for ${id} is thrown away.`, "Empty")) return;
    await attempt(empty, () => remove(path("clients", id, "mailbox")), (answer) => `${number(answer.deleted)} thrown away`);
    loadMailbox();
  });
  loadMailbox();
  return card("Mailbox", { id: "mailbox", actions: [size, empty] },
    table("Mailbox", ["Push", "Since", "Expires", { text: "Size", number: true }, "Collapse", ""], body), h("div", { class: "row", style: "justify-content:center;padding:6px" }, more));
}

// What happens with it.

function eventsCard() {
  const log = h("div", { class: "log", id: "events", role: "log", "aria-label": "Events", tabindex: "0" });
  const none = h("p", { class: "empty" }, "Waiting for something to happen.");
  const filter = select("events-filter", [["", "All events"], ["session", "Sessions"], ["push", "Pushes"], ["command", "Commands"], ["message", "Messages"], ["alert", "Alerts"], ["terminal", "Terminals"]], { "aria-label": "Events" });
  const pause = h("button", { id: "events-pause", class: "tiny", "aria-pressed": "false" }, "Pause");
  const clear = h("button", { id: "events-clear", class: "tiny" }, "Clear");
  const add = (at, type, text) => {
    none.hidden = true;
    log.prepend(h("div", { data: { type } }, h("time", { class: "muted" }, time(at)), h("strong", {}, type), h("span", {}, text)));
    while (log.childElementCount > mostEvents) log.lastElementChild.remove();
  };
  let paused = false;
  let missed = 0;
  live.watch({ client: id }, (events, dropped) => {
    if (events.some((event) => /^(session|push|message)\./.test(event.type))) changed();
    if (paused) missed += events.length;
    else for (const event of events) if (!filter.value || event.type.startsWith(`${filter.value}.`)) add(event.at, event.type, eventText(event));
    if (dropped) add(Date.now(), "left out", `${number(dropped)} events: there were too many`);
  });
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    setText(pause, paused ? "Resume" : "Pause");
    if (!paused && missed) add(Date.now(), "paused", `${number(missed)} events are not shown`);
    missed = 0;
  });
  filter.addEventListener("change", () => {
    for (const entry of log.children) entry.hidden = Boolean(filter.value) && !entry.dataset.type.startsWith(`${filter.value}.`);
  });
  clear.addEventListener("click", () => { replace(log); none.hidden = false; });
  return card("What happens", { actions: [filter, pause, clear] }, none, log);
}

function eventText(event) {
  const { type, at, client, ...rest } = event;
  if (type === "session.closed") return [closeText(rest.code, rest.reason), `after ${duration(rest.duration)}`, `on ${rest.node}`].join(", ");
  return Object.entries(rest).map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join("  ");
}

/** Looks again soon, once for many events. */
function changed() {
  changeTimer ??= setTimeout(() => {
    changeTimer = null;
    load();
    loadMailbox();
  }, 300);
}
