// One roll-out: how far it is, holding and ending it, and what became of its clients.
//
// Controls: #rollout-state, #progress, #counts, #pause, #resume, #abort, #rollout-reason, #outcome (select), #rollout-clients
// (table body, rows data-client=ID), #more-clients, #rollout-problem.

import * as api from "./api.js";
import { badge, card, facts, h, problemNotice, replace, select, setText, table } from "./dom.js";
import * as format from "./format.js";
import { live } from "./live.js";
import { isOver, progress, rolloutBadge, targetText } from "./rolloutview.js";
import { attempt, confirm, shell } from "./shell.js";

const id = new URL(location.href).searchParams.get("id") ?? "";
const pageSize = 100;
const everyMs = 1000;

const state = h("span", { id: "rollout-state", role: "status" });
const bar = h("div", { id: "progress" });
const counts = h("div", { id: "counts" });
const reason = h("p", { id: "rollout-reason", class: "notice red", role: "alert", hidden: true });
const pause = h("button", { id: "pause", onclick: () => order(pause, "pause", "Paused") }, "Pause");
const resume = h("button", { id: "resume", class: "primary", onclick: () => order(resume, "resume", "Resumed") }, "Resume");
const abort = h("button", { id: "abort", class: "danger", onclick: askAbort }, "Abort");
const outcome = select("outcome", [["failed", "failed"], ["ok", "ok"], ["pending", "pending"], ["", "all"]]);
const rows = h("tbody", { id: "rollout-clients" });
const more = h("button", { id: "more-clients", hidden: true, onclick: () => loadClients(next) }, "More");
const problem = h("div", { id: "rollout-problem" });
for (const button of [pause, resume, abort]) button.hidden = true;
outcome.addEventListener("input", () => loadClients());

const main = shell({ title: id || "Roll-out", sub: "Roll-out", actions: [state, pause, resume, abort] });
main.append(h("div", { class: "stack" }, problem, reason,
  card("Progress", {}, h("div", { class: "body stack" }, bar, counts)),
  card("Clients", { actions: [h("label", { for: "outcome", class: "small muted" }, "Outcome"), outcome] },
    table("Clients of the roll-out", ["Client", "Outcome", "Why", { text: "Status", number: true }, "When"], rows)), more));

let next;
let shown = null;
let isOpen = true;

async function load() {
  try {
    const rollout = await api.get(api.path("rollouts", id));
    replace(problem);
    show(rollout);
  } catch (error) {
    replace(problem, problemNotice(error));
    if (error.status === 404) isOpen = false;
  }
}

function show(rollout) {
  isOpen = !isOver(rollout.state) || rollout.counts.started > rollout.counts.ok + rollout.counts.failed;
  replace(state, rolloutBadge(rollout.state));
  replace(bar, progress(rollout.counts));
  const { total, started, ok, failed, pending } = rollout.counts;
  replace(counts, facts([
    ["ok", format.number(ok)], ["failed", format.number(failed)], ["pending", format.number(pending)],
    ["begun", `${format.number(started)} of ${format.number(total)}`], ["to", targetText(rollout.to)],
    ["canary", canaryText(rollout.canary)], ["clients a minute", format.number(rollout.rate)],
    ["abort over", rollout.abort && `${format.percent(rollout.abort.share)} of at least ${rollout.abort.minimum} decided`],
    ["started", format.time(rollout.createdAt)], ["by", rollout.by],
  ]));
  reason.hidden = !rollout.reason;
  setText(reason, rollout.reason ?? "");
  const over = isOver(rollout.state);
  pause.hidden = over || rollout.state === "paused";
  resume.hidden = rollout.state !== "paused";
  abort.hidden = over;
  // A list of clients that somebody has paged through is left alone.
  const known = `${ok} ${failed} ${started}`;
  if (known !== shown && rows.childElementCount <= pageSize) loadClients();
  shown = known;
}

function canaryText(canary) {
  if (Number.isFinite(canary)) return `${format.number(canary)} clients`;
  if (Number.isFinite(canary?.clients)) return `${format.number(canary.clients)} clients`;
  return Number.isFinite(canary?.share) ? format.percent(canary.share) : null;
}

const outcomeKinds = { ok: "ok", failed: "red", pending: "info" };

async function loadClients(cursor) {
  try {
    const page = await api.get(api.path("rollouts", id, "clients"), { outcome: outcome.value, limit: pageSize, cursor });
    const found = page.clients.map((client) => h("tr", { data: { client: client.clientId } },
      h("th", { scope: "row" }, h("a", { href: `client?id=${encodeURIComponent(client.clientId)}` }, client.clientId)),
      h("td", {}, badge(client.outcome, outcomeKinds[client.outcome] ?? "")), h("td", {}, client.reason ?? format.dash),
      h("td", { class: "number" }, client.status ?? format.dash), h("td", {}, client.at ? format.time(client.at) : format.dash)));
    const nothing = h("tr", {}, h("td", { colspan: 5, class: "empty" }, outcome.value === "failed" ? "None has failed." : "None."));
    if (cursor) rows.append(...found);
    else replace(rows, found.length ? found : nothing);
    next = page.next;
    more.hidden = !next;
  } catch (error) {
    replace(problem, problemNotice(error));
  }
}

async function order(button, what, done) {
  const rollout = await attempt(button, () => api.post(api.path("rollouts", id, what)), done);
  if (rollout?.counts) show(rollout);
  else load();
}

async function askAbort() {
  const isWanted = await confirm("Abort the roll-out?", "No further client is begun. What is under way ends by itself. It cannot be taken up again.", "Abort it");
  if (isWanted) order(abort, "abort", "Aborted");
}

live.watch({ types: ["rollout"] }, load);
live.on("open", load);
setInterval(() => { if (isOpen && !document.hidden) load(); }, everyMs);
load();
