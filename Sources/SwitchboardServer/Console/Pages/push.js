// Sending to one, several, a group, labels or all: who would get it shows while the target is written; what was sent lately.
//
// Controls: #compose (form): #to-kind (client, clients, group, labels, all), #to, #push-kind, #push-payload, #durable, #ttl, #collapse,
// #offline, #push-id, #wait, #push-submit; #preview with #preview-matched; #result with #result-STATE (matched, delivered, acked, queued,
// offline, dropped, nodes); #history (table body, rows data-push=ID, .look), #history-refresh, #report (dialog).

import { get, path, post } from "./api.js";
import { card, clearErrors, facts, field, fieldError, h, input, problemNotice, replace, select, setText, showProblem, table } from "./dom.js";
import { ago, bytes, dash, number, time } from "./format.js";
import { compose, FieldError, numberInput, PayloadEditor, wholeNumber } from "./payload.js";
import { attempt, confirm, shell } from "./shell.js";

/** Of more clients than this the operator is asked first. */
const many = 100;
const hints = {
  client: "One client's id.", clients: "Up to 1000 ids, with spaces or commas between them.", group: "The group's name.",
  labels: "NAME=VALUE, all of them must match.", all: "Everybody who is connected.",
};
const main = shell({ title: "Push", sub: "Who would get it shows before it is sent." });
const query = new URLSearchParams(location.search);
const kind = select("to-kind", [["client", "One client"], ["clients", "Several clients"], ["group", "A group"], ["labels", "By labels"], ["all", "Everybody"]]);
const to = input("to");
const hint = h("span", { class: "hint" });
const payload = new PayloadEditor("push", { text: '{"hello": 1}' });
const durable = h("input", { type: "checkbox", id: "durable", name: "durable" });
const ttl = numberInput("ttl", { placeholder: "as configured" });
const collapse = input("collapse");
const offline = select("offline", [["", "Drop"], ["queue", "Keep for later"], ["fail", "Fail"]]);
const pushID = input("push-id", { placeholder: "made up" });
const wait = numberInput("wait", { placeholder: "0" });
const submit = h("button", { id: "push-submit", class: "primary" }, "Push");
const preview = h("div", { id: "preview", class: "stack tight", "aria-live": "polite" });
const result = h("div", { id: "result", class: "body", "aria-live": "polite" }, h("p", { class: "muted" }, "Nothing was sent yet."));
const history = h("tbody", { id: "history" });
const refreshButton = h("button", { id: "history-refresh", class: "tiny" }, "Refresh");
const incomplete = h("span", { class: "muted small" });

const toField = field("Who", to, { names: ["to", "client", "clients", "group", "labels", "invalid_target", "invalid_client_id", "invalid_group", "client_offline"] });
toField.insertBefore(hint, toField.lastElementChild);
const form = h("form", { id: "compose", class: "body stack tight", novalidate: true },
  h("div", { class: "fields" }, field("To", kind), toField), payload.element,
  h("div", { class: "fields" }, field("Who is offline", offline), field("Keep for, s", ttl), field("Collapse key", collapse),
    field("Id", pushID, { names: ["id", "idempotency_conflict"] }), field("Wait for acks, s", wait, { names: ["Prefer"] })),
  h("div", { class: "row spread" }, h("label", { class: "check" }, durable, "Durable: keep it until it is acked"), submit));

main.append(h("div", { class: "stack" }, h("div", { class: "split" }, card("Compose", {}, form),
  h("div", { class: "stack" }, card("Who would get it", {}, h("div", { class: "body" }, preview)), card("Result", {}, result))),
card("Newest pushes", { actions: [incomplete, refreshButton] }, table("Newest pushes", ["Push", "When", "To", "By", { text: "Size", number: true }, { text: "Matched", number: true },
  { text: "Delivered", number: true }, { text: "Queued", number: true }, { text: "Offline", number: true }, { text: "Dropped", number: true }, ""], history))));

function target() {
  const text = to.value.trim();
  if (kind.value === "all") return { all: true };
  if (!text) throw new FieldError(to, "Say who is meant.");
  if (kind.value === "client" || kind.value === "group") return { [kind.value]: text };
  if (kind.value === "clients") return { clients: text.split(/[\s,]+/).filter(Boolean) };
  const labels = {};
  for (const pair of text.split(/\s+/)) {
    const at = pair.indexOf("=");
    if (at < 1) throw new FieldError(to, "Write labels as NAME=VALUE.");
    labels[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return { labels };
}

function showKind() {
  to.disabled = kind.value === "all";
  setText(hint, hints[kind.value]);
  fieldError(to, "");
}

// Who would get it.

let asked = 0;
let timer;
let reach = null;

function previewSoon() {
  clearTimeout(timer);
  // What is known is of another target.
  asked += 1;
  reach = null;
  timer = setTimeout(showPreview, 350);
}

async function showPreview() {
  const turn = ++asked;
  reach = null;
  let wanted;
  try {
    wanted = target();
  } catch {
    return replace(preview, h("p", { class: "muted" }, "Write who is meant."));
  }
  try {
    const answer = await post("push", compose({ to: wanted, text: " " }), { query: { dryRun: 1 } });
    if (turn !== asked) return;
    reach = answer.matched;
    const more = answer.matched - answer.clients.length;
    replace(preview, h("p", {}, h("strong", { id: "preview-matched" }, number(answer.matched)), ` connected client${answer.matched === 1 ? "" : "s"} on ${number(answer.nodes)} node${answer.nodes === 1 ? "" : "s"}`,
      answer.offline > 0 && `, ${number(answer.offline)} offline`, "."),
    !answer.complete && h("p", { class: "notice amber" }, "A node did not answer; it may be more."),
    h("div", { class: "row", style: "gap:4px;max-height:180px;overflow-y:auto" }, answer.clients.map((client) => h("a", { class: "chip", href: `client?id=${encodeURIComponent(client)}` }, client)),
      more > 0 && h("span", { class: "muted" }, `and ${number(more)} more`)));
  } catch (error) {
    if (turn !== asked) return;
    replace(preview);
    if (error.status === 400) fieldError(to, error.detail);
    else replace(preview, problemNotice(error));
  }
  return undefined;
}

// Sending.

async function send(event) {
  event.preventDefault();
  clearErrors(form);
  submit.disabled = true;
  try {
    if (!/^[A-Za-z0-9._:@-]{0,128}$/.test(pushID.value.trim())) throw new FieldError(pushID, "An id has 1-128 characters of A-Z a-z 0-9 . _ : @ -");
    const body = compose({
      to: target(), durable: durable.checked || undefined, ttl: wholeNumber(ttl, 1, 2_592_000), collapse: collapse.value.trim(), offline: offline.value, id: pushID.value.trim(),
    }, payload.member());
    const seconds = wholeNumber(wait, 0, 60);
    const isUnknown = reach === null && (kind.value === "group" || kind.value === "labels");
    if (kind.value === "all" || isUnknown || reach > many) {
      const who = reach === null ? "everybody whom it means" : `${number(reach)} clients`;
      if (!await confirm(`Push to ${who}?`, "It cannot be taken back from those who are connected.", "Push", { danger: false })) return;
    }
    const answer = await post("push", body, { headers: seconds ? { Prefer: `wait=${seconds}` } : {} });
    showResult(answer);
    loadHistory();
  } catch (error) {
    if (error instanceof FieldError) {
      fieldError(error.control, error.message);
      error.control.focus();
    } else showProblem(form, error);
  } finally {
    submit.disabled = false;
  }
}

function showResult(answer) {
  const names = ["matched", "delivered", "acked", "queued", "offline", "dropped", "nodes"];
  replace(result, h("div", { class: "stack tight" }, h("p", {}, "Sent as ", h("code", {}, answer.id), "."),
    h("div", { class: "grid tiles" }, names.map((name) => h("div", { class: "tile", id: `result-${name}`, style: "padding:4px 0" }, h("div", { class: "label" }, name), h("div", { class: "value" }, number(answer[name])))))));
}

// What was sent lately.

function targetText(value) {
  const [name, who] = Object.entries(value ?? {})[0] ?? [];
  if (!name) return dash;
  if (name === "all") return "everybody";
  if (name === "labels") return Object.entries(who).map(([label, text]) => `${label}=${text}`).join(" ");
  return Array.isArray(who) ? `${who.slice(0, 3).join(", ")}${who.length > 3 ? ` and more` : ""}` : `${name === "group" ? "group " : ""}${who}`;
}

async function loadHistory() {
  try {
    const answer = await get("pushes", { limit: 50 });
    setText(incomplete, answer.complete ? "" : "A node did not answer.");
    replace(history, answer.pushes.map((push) => h("tr", { data: { push: push.id } },
      h("th", { scope: "row", class: "mono short", title: push.id }, push.id), h("td", { class: "nowrap" }, ago(push.at)), h("td", { class: "clip", title: targetText(push.to) }, targetText(push.to), push.durable && " · durable"),
      h("td", {}, push.by || dash), h("td", { class: "number" }, bytes(push.bytes)),
      ["matched", "delivered", "queued", "offline", "dropped"].map((name) => h("td", { class: "number" }, number(push.counts?.[name]))),
      h("td", { class: "actions" }, h("button", { class: "tiny look", onclick: (event) => attempt(event.target, () => look(push)) }, "Details")))));
    if (!answer.pushes.length) history.append(h("tr", {}, h("td", { class: "empty", colspan: 11 }, "None since the nodes started.")));
  } catch (error) {
    replace(history, h("tr", {}, h("td", { colspan: 11 }, problemNotice(error))));
  }
}

async function look(push) {
  const report = await get(path("pushes", push.id)).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  const dialog = h("dialog", { id: "report", "aria-labelledby": "report-title", onclose: () => dialog.remove() }, h("div", { class: "body" },
    h("h2", { id: "report-title" }, push.id),
    facts([["Accepted", time(push.at)], ["To", targetText(push.to)], ["By", push.by], ["State", report?.state], ...Object.entries(report?.counts ?? push.counts ?? {}).map(([name, value]) => [name, number(value)])]),
    report?.timeline && h("pre", { class: "output" }, report.timeline.map((event) => JSON.stringify(event)).join("\n")),
    !report && h("p", { class: "muted" }, "A time line is kept of durable and waited pushes only, for 10 minutes."),
    h("div", { class: "end" }, h("button", { onclick: () => dialog.close() }, "Close"))));
  document.body.append(dialog);
  dialog.showModal();
}

for (const name of ["client", "group", "clients"]) {
  if (query.has(name)) [kind.value, to.value] = [name, query.get(name)];
}
kind.addEventListener("change", () => { showKind(); previewSoon(); });
to.addEventListener("input", previewSoon);
form.addEventListener("submit", send);
refreshButton.addEventListener("click", loadHistory);
showKind();
showPreview();
loadHistory();
