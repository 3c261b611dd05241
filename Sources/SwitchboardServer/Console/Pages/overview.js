// The cluster at a glance: numbers of every second by the operator socket, and charts of the last five minutes.
//
// Controls: #tiles with #tile-clients, #tile-nodes, #tile-alerts, #tile-accepts, #tile-closes, #tile-pushes, #tile-deliveries, #tile-latency,
// #tile-commands, #tile-command-latency, #tile-lag (the number is .value), #charts, #charts-missing, #closes (table body, rows
// data-code=CODE), #overview-nodes (table body, rows data-node=ID), #newest-closes (table body), #overview-problem.

import { LiveChart, drawAfterPaint } from "./charts.js";
import { get, path } from "./api.js";
import { card, h, problemNotice, replace, setText, stateBadge, table } from "./dom.js";
import { ago, closeNames, closeText, compact, dash, latency, rate } from "./format.js";
import { live } from "./live.js";
import { Rates, total } from "./rates.js";
import { shell } from "./shell.js";

const main = shell({ title: "Overview", sub: "The whole cluster, second by second." });
const tiles = {};

function tile(id, label) {
  const value = h("div", { class: "value" }, dash);
  const note = h("div", { class: "note" });
  tiles[id] = { value, note };
  return h("div", { class: "card tile", id: `tile-${id}` }, h("div", { class: "label" }, label), value, note);
}

function set(id, text, note) {
  setText(tiles[id].value, text);
  if (note !== undefined) setText(tiles[id].note, note);
}

const problem = h("div", { id: "overview-problem", "aria-live": "polite" });
const missing = h("div", { "aria-live": "polite" });
const charts = {
  clients: new LiveChart("Clients", [{ name: "connected", format: compact }], { id: "chart-clients", whole: true }),
  connections: new LiveChart("Connections a second", [{ name: "accepted", format: rate }, { name: "closed", format: rate }], { id: "chart-connections" }),
  messages: new LiveChart("Messages a second", [
    { name: "pushes", format: rate }, { name: "deliveries", format: rate }, { name: "from clients", format: rate }, { name: "commands", format: rate },
  ], { id: "chart-messages" }),
  latency: new LiveChart("Latency, mean", [
    { name: "delivery", format: latency }, { name: "command", format: latency }, { name: "bus", format: latency },
  ], { id: "chart-latency" }),
};
const closes = h("tbody", { id: "closes" });
const newest = h("tbody", { id: "newest-closes" });
const nodeRows = h("tbody", { id: "overview-nodes" });

main.append(problem, h("div", { class: "stack" },
  h("div", { class: "grid tiles", id: "tiles" },
    tile("clients", "Clients"), tile("nodes", "Nodes"), tile("alerts", h("a", { href: "wall" }, "Alerts")), tile("accepts", "Accepts/s"), tile("closes", "Closes/s"), tile("pushes", "Pushes/s"),
    tile("deliveries", "Deliveries/s"), tile("latency", "Delivery latency"), tile("commands", "Commands/s"),
    tile("command-latency", "Command latency"), tile("lag", "Bus lag")),
  missing,
  h("div", { class: "grid wide", id: "charts" }, Object.values(charts).map((chart) => chart.element)),
  h("div", { class: "grid" },
    card("Closes by reason", {}, table("Closes by reason", ["Code", "Reason", { text: "Now", number: true }, { text: "Since start", number: true }], closes)),
    card("Newest closes", {}, table("Newest closes", ["Client", "Why", "When"], newest)),
    card("Nodes", { actions: h("a", { href: "nodes" }, "All of nodes") }, table("Nodes",
      ["Node", "State", { text: "Clients", number: true }, { text: "Pushes/s", number: true }, { text: "Bus lag", number: true }], nodeRows)))));

const rates = new Rates();
const states = new Map();
let slow;

/** Milliseconds that each took on average, of what was counted since the frame before. */
function mean(nodes, sum, count) {
  const things = total(nodes, count, "delta");
  return things > 0 ? total(nodes, sum, "delta") / things / 1000 : NaN;
}

live.stats(1, (frame) => {
  const nodes = rates.add(frame);
  const all = [...nodes.values()];
  const perSecond = (name) => total(nodes, name, "perSecond");
  const clients = total(nodes, "sessions");
  const lag = Math.max(0, ...all.map((node) => node.busLagMicroseconds ?? 0)) / 1000;
  const [delivery, command] = [mean(nodes, "latencyMicroseconds", "latencySamples"), mean(nodes, "commandMicroseconds", "commandResults")];
  const waiting = total(nodes, "queuedSessions");
  set("clients", compact(clients), waiting ? `${compact(waiting)} slow` : "");
  set("accepts", rate(perSecond("accepted")), `${compact(total(nodes, "accepted"))} since start`);
  set("closes", rate(perSecond("closed")), perSecond("refused") > 0 ? `${rate(perSecond("refused"))} refused/s` : "");
  set("pushes", rate(perSecond("pushes")), `${compact(total(nodes, "pushes"))} since start`);
  set("deliveries", rate(perSecond("deliveries")), perSecond("drops") > 0 ? `${rate(perSecond("drops"))} dropped/s` : "");
  if (Number.isFinite(delivery)) set("latency", latency(delivery), "mean, to the socket");
  set("commands", rate(perSecond("commands")), `${compact(total(nodes, "commands"))} since start`);
  if (Number.isFinite(command)) set("command-latency", latency(command), "mean, to the result");
  set("lag", latency(lag), "longest of all nodes");
  charts.clients.push(frame.at, [clients]);
  charts.connections.push(frame.at, [perSecond("accepted"), perSecond("closed")]);
  charts.messages.push(frame.at, [perSecond("pushes"), perSecond("deliveries"), perSecond("messagesUp"), perSecond("commands")]);
  charts.latency.push(frame.at, [delivery, command, lag]);
  showCloses(nodes);
  showNodes(nodes);
});

const closeRows = new Map();

function showCloses(nodes) {
  const codes = new Set([...nodes.values()].flatMap((node) => Object.keys(node)).filter((name) => name.startsWith("closed") && name !== "closed"));
  for (const name of codes) {
    const sum = total(nodes, name);
    if (!sum) continue;
    let row = closeRows.get(name);
    if (!row) {
      const code = name.slice("closed".length);
      row = { now: h("td", { class: "number" }), all: h("td", { class: "number" }) };
      closeRows.set(name, row);
      closes.append(h("tr", { data: { code } }, h("th", { scope: "row", class: "mono" }, code),
        h("td", {}, closeNames[code] ?? "another code"), row.now, row.all));
    }
    setText(row.now, `${rate(total(nodes, name, "perSecond"))}/s`);
    setText(row.all, compact(sum));
  }
  if (!closeRows.size && !closes.childElementCount) closes.append(h("tr", {}, h("td", { class: "empty", colspan: 4 }, "No session has ended.")));
  else if (closeRows.size) closes.querySelector(".empty")?.parentElement.remove();
}

const rows = new Map();

function showNodes(nodes) {
  for (const [id, row] of rows) {
    if (nodes.has(id)) continue;
    row.element.remove();
    rows.delete(id);
  }
  for (const [id, node] of nodes) {
    let row = rows.get(id);
    if (!row) {
      row = { state: h("td", {}), clients: h("td", { class: "number" }), pushes: h("td", { class: "number" }), lag: h("td", { class: "number" }) };
      row.element = h("tr", { data: { node: id } }, h("th", { scope: "row" }, id), row.state, row.clients, row.pushes, row.lag);
      rows.set(id, row);
      nodeRows.append(row.element);
    }
    const state = states.get(id) ?? "serving";
    if (row.state.textContent !== state) replace(row.state, stateBadge(state));
    setText(row.clients, compact(node.sessions));
    setText(row.pushes, rate(node.perSecond.pushes ?? NaN));
    setText(row.lag, latency((node.busLagMicroseconds ?? NaN) / 1000));
  }
}

function showAlerts({ alerts }) {
  const red = alerts.filter((alert) => alert.level === "red").length;
  set("alerts", compact(alerts.length), alerts.length ? `${compact(red)} red, ${compact(alerts.length - red)} amber` : "all well");
  tiles.alerts.value.style.color = red ? "var(--red)" : alerts.length ? "var(--amber)" : "";
}

/** What changes slowly is asked for. */
async function refresh() {
  clearTimeout(slow);
  try {
    const { nodes } = await get("nodes");
    replace(problem);
    for (const node of nodes) states.set(node.id, node.state);
    const serving = nodes.filter((node) => node.state === "serving").length;
    set("nodes", String(nodes.length), serving === nodes.length ? "all serving" : `${serving} serving`);
    if (tiles.clients.value.textContent === dash) set("clients", compact(nodes.reduce((sum, node) => sum + node.sessions, 0)));
    get("alerts").then(showAlerts, () => set("alerts", dash, "not known"));
    const lists = await Promise.all(nodes.slice(0, 16).map((node) => get(`${path("nodes", node.id)}/closes`, { limit: 8 }).catch(() => ({ closes: [] }))));
    const list = lists.flatMap((each) => each.closes).sort((left, right) => right.at.localeCompare(left.at)).slice(0, 8);
    replace(newest, list.map((close) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `client?id=${encodeURIComponent(close.client)}` }, close.client)),
      h("td", { class: "clip" }, closeText(close.code, close.reason)), h("td", { class: "nowrap" }, ago(close.at)))));
    if (!list.length) newest.append(h("tr", {}, h("td", { class: "empty", colspan: 3 }, "None yet.")));
  } catch (error) {
    replace(problem, problemNotice(error));
  }
  slow = setTimeout(refresh, 5000);
}

refresh();
drawAfterPaint(Object.values(charts), missing);
