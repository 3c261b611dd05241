// Nodes of the cluster: what each carries, sending its clients away, taking clients again.
//
// Controls: #nodes (table body; a row is data-node=ID), in each row .drain or .serve; #nodes-problem.

import { get, path, post, remove } from "./api.js";
import { h, problemNotice, replace, setText, stateBadge, table } from "./dom.js";
import { ago, compact, latency, rate } from "./format.js";
import { live } from "./live.js";
import { Rates } from "./rates.js";
import { attempt, confirm, shell } from "./shell.js";

const main = shell({ title: "Nodes", sub: "Load by node, and sending clients away before an update." });
const problem = h("div", { id: "nodes-problem", "aria-live": "polite" });
const body = h("tbody", { id: "nodes" });
const rates = new Rates();
const rows = new Map();

main.append(problem, h("section", { class: "card", "aria-label": "Nodes" }, table("Nodes",
  ["Node", "State", { text: "Clients", number: true }, "Share", { text: "Deliveries/s", number: true }, { text: "Messages/s", number: true },
    { text: "Bus lag", number: true }, "Version", "Started", ""], body)));

function row(node) {
  const cells = Object.fromEntries(["state", "clients", "share", "deliveries", "messages", "lag", "version", "started", "actions"]
    .map((name) => [name, h("td", { class: ["clients", "deliveries", "messages", "lag"].includes(name) ? "number" : name })]));
  const bar = h("span", {});
  cells.share.append(h("div", { class: "bar", "aria-hidden": "true" }, bar));
  const element = h("tr", { data: { node } }, h("th", { scope: "row" }, node), Object.values(cells));
  return { element, cells, bar, state: null };
}

function show(nodes) {
  const total = Math.max(1, nodes.reduce((sum, node) => sum + node.sessions, 0));
  for (const [id, each] of rows) {
    if (nodes.some((node) => node.id === id)) continue;
    each.element.remove();
    rows.delete(id);
  }
  for (const node of nodes) {
    const each = rows.get(node.id) ?? row(node.id);
    if (!rows.has(node.id)) {
      rows.set(node.id, each);
      body.append(each.element);
    }
    setText(each.cells.clients, compact(node.sessions));
    each.bar.style.width = `${(100 * node.sessions) / total}%`;
    setText(each.cells.lag, latency(node.busLag));
    setText(each.cells.version, node.version);
    setText(each.cells.started, ago(node.startedAt));
    if (each.state === node.state) continue;
    each.state = node.state;
    replace(each.cells.state, stateBadge(node.state));
    replace(each.cells.actions, node.state === "serving"
      ? h("button", { class: "tiny danger drain", onclick: (event) => drain(event.target, node) }, "Drain")
      : h("button", { class: "tiny serve", onclick: (event) => serve(event.target, node) }, "Serve again"));
  }
}

async function drain(button, node) {
  const sure = await confirm(`Drain ${node.id}?`,
    `Its ${compact(node.sessions)} clients are sent to the other nodes, paced, and it takes no new ones until it serves again.`, "Drain");
  if (!sure) return;
  await attempt(button, () => post(path("nodes", node.id, "drain")), `${node.id} sends its clients away`);
  refresh();
}

async function serve(button, node) {
  await attempt(button, () => remove(path("nodes", node.id, "drain")), `${node.id} takes clients again`);
  refresh();
}

async function refresh() {
  try {
    const answer = await get("nodes");
    replace(problem);
    show(answer.nodes.sort((left, right) => left.id.localeCompare(right.id)));
  } catch (error) {
    replace(problem, problemNotice(error));
  }
}

live.stats(1, (frame) => {
  for (const [node, now] of rates.add(frame)) {
    const each = rows.get(node);
    if (!each) continue;
    setText(each.cells.clients, compact(now.sessions));
    setText(each.cells.deliveries, rate(now.perSecond.deliveries));
    setText(each.cells.messages, rate(now.perSecond.messagesUp));
    setText(each.cells.lag, latency(now.busLagMicroseconds / 1000));
  }
});
live.watch({ types: ["node"] }, refresh);
refresh();
setInterval(refresh, 5000);
