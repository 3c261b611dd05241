// The monitoring wall: a tile for each client, the worst first.
//
// Controls: #search, #level (select), #group, #sort (select), #everybody (also clients that say nothing of themselves),
// #summary, #wall (the tiles: .client-tile with data-client and data-condition), #alerts (table of what is wrong now),
// #more-hidden (when there are more tiles than are shown).

import * as api from "./api.js";
import { badge, card, field, h, input, problemNotice, replace, select, setText, table } from "./dom.js";
import * as format from "./format.js";
import { condition, drawSparkline, Histories, severity, shares, sparkline } from "./health.js";
import { live } from "./live.js";
import { shell } from "./shell.js";

const everyMs = 5000;
const pageSize = 1000;
/** Of more clients than this only those that the API lists first are looked at. */
const mostClients = 10_000;
/** More tiles than this no person looks at, and no browser likes. */
const mostTiles = 600;
const conditionTexts = { red: "red", amber: "amber", offline: "offline", ok: "ok", none: "no health" };
const conditionKinds = { red: "red", amber: "amber", offline: "", ok: "ok", none: "" };

const clients = new Map();
let alerts = new Map();
const histories = new Histories();
const tiles = new Map();
let isLoading = false;
let isWanted = false;
let reloadTimer = null;
let soonTimer = null;
let isDrawing = false;

const search = input("search", { type: "search", placeholder: "id, label or host" });
const level = select("level", [["", "all"], ["red", "red"], ["amber", "amber"], ["offline", "offline"], ["ok", "ok"]]);
const group = input("group", { placeholder: "shop:berlin" });
const sort = select("sort", [["worst", "worst first"], ["name", "name"], ["cpu", "processor"], ["memory", "memory"], ["disk", "disk"]]);
const everybody = h("input", { id: "everybody", type: "checkbox" });
const summary = h("p", { id: "summary", role: "status" }, "loading");
const wall = h("ul", { id: "wall", class: "wall", "aria-label": "Clients" });
const more = h("p", { id: "more-hidden", class: "empty", hidden: true });
const problem = h("div");
const alertRows = h("tbody", { id: "alerts" });
const alertCard = card("Alerts", {}, table("Alerts that are raised", ["Client", "Level", "Alert", "Value", "Since"], alertRows));
alertCard.hidden = true;

const main = shell({ title: "Monitoring", sub: "Every client that tells how it is" });
main.append(h("div", { class: "stack" },
  h("div", { class: "filters" }, field("Search", search), field("Level", level), field("Group", group), field("Sort", sort),
    h("label", { class: "check" }, everybody, "also without health")),
  problem, summary, alertCard, wall, more));

for (const control of [search, level, group, sort, everybody]) control.addEventListener("input", drawSoon);
group.addEventListener("change", load);

async function load() {
  isWanted = true;
  if (isLoading) return;
  isLoading = true;
  clearTimeout(reloadTimer);
  while (isWanted) {
    isWanted = false;
    try {
      await loadOnce();
      replace(problem);
    } catch (error) {
      replace(problem, problemNotice(error));
    }
  }
  isLoading = false;
  // Health has no events: it is asked for again as long as somebody can see it.
  reloadTimer = setTimeout(() => { if (!document.hidden) load(); }, everyMs);
}

/** Once for many events: where much happens the whole list would be read without a pause. */
function loadSoon() {
  soonTimer ??= setTimeout(() => {
    soonTimer = null;
    if (!document.hidden) load();
  }, 1000);
}

async function loadOnce() {
  const [found, raised] = await Promise.all([allClients(), api.get("alerts")]);
  alerts = new Map();
  for (const alert of raised.alerts ?? []) {
    if (!alerts.has(alert.client)) alerts.set(alert.client, []);
    alerts.get(alert.client).push(alert);
  }
  for (const id of clients.keys()) if (!found.has(id)) clients.delete(id);
  for (const [id, client] of found) {
    clients.set(id, client);
    if (client.state === "online") histories.add(id, shares(client.health).cpu);
  }
  histories.keep(found);
  drawSoon();
}

async function allClients() {
  const found = new Map();
  let cursor;
  do {
    const page = await api.get("clients", { limit: pageSize, cursor, group: group.value.trim() });
    for (const client of page.clients) found.set(client.clientId, client);
    cursor = page.next;
  } while (cursor && found.size < mostClients);
  return found;
}

function happened(events) {
  let isStrange = false;
  for (const event of events) {
    const client = clients.get(event.client);
    if (event.type === "alert.raised") {
      const others = (alerts.get(event.client) ?? []).filter((alert) => alert.alert !== event.alert);
      alerts.set(event.client, [...others, event]);
      isStrange ||= !client;
    } else if (event.type === "alert.cleared") {
      const others = (alerts.get(event.client) ?? []).filter((alert) => alert.alert !== event.alert);
      if (others.length) alerts.set(event.client, others);
      else alerts.delete(event.client);
      // The level that was listed with the client came from the same values.
      if (client && !others.length && client.level) client.level = "ok";
    } else if (!client) {
      isStrange = true;
    } else if (event.type === "session.connected") {
      client.state = "online";
    } else if (event.type === "session.closed") {
      client.state = "offline";
    }
  }
  if (isStrange) loadSoon();
  drawSoon();
}

function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    draw();
  });
}

function draw() {
  const words = search.value.trim().toLowerCase();
  const counts = { red: 0, amber: 0, offline: 0, ok: 0, none: 0 };
  const shown = [];
  for (const client of clients.values()) {
    const raised = alerts.get(client.clientId) ?? [];
    const how = condition(client, raised);
    const isSilent = !client.health && !raised.length;
    if (isSilent && !everybody.checked) continue;
    counts[how] += 1;
    if (level.value && how !== level.value) continue;
    if (words && !textOf(client).includes(words)) continue;
    shown.push({ client, how, raised, used: shares(client.health) });
  }
  shown.sort(order());
  setText(summary, `${format.number(counts.red)} red, ${format.number(counts.amber)} amber, `
    + `${format.number(counts.offline)} offline, ${format.number(counts.ok)} ok`);
  document.title = `${counts.red ? `(${counts.red}) ` : ""}Monitoring · Switchboard`;
  drawTiles(shown.slice(0, mostTiles));
  more.hidden = shown.length > 0 && shown.length <= mostTiles;
  setText(more, shown.length ? `${format.number(shown.length - mostTiles)} more; search to see them` : nothing());
  drawAlerts();
}

function nothing() {
  return isFiltered() ? "No client is like this." : "No client tells how it is. Start agents with switchboard agent --monitor.";
}

function isFiltered() { return search.value.trim() || level.value || group.value.trim(); }

function textOf(client) {
  return [client.clientId, client.health?.host, client.health?.version, ...Object.entries(client.labels).flat()]
    .filter((part) => typeof part === "string").join(" ").toLowerCase();
}

function order() {
  const byName = (one, other) => (one.client.clientId < other.client.clientId ? -1 : 1);
  if (sort.value === "name") return byName;
  if (sort.value === "worst") return (one, other) => severity(one.how) - severity(other.how) || byName(one, other);
  const share = sort.value;
  return (one, other) => (other.used[share] ?? -1) - (one.used[share] ?? -1) || byName(one, other);
}

function drawTiles(shown) {
  const wanted = new Set(shown.map((each) => each.client.clientId));
  for (const [id, tile] of tiles) {
    if (wanted.has(id)) continue;
    tile.element.remove();
    tiles.delete(id);
  }
  shown.forEach((each, index) => {
    const id = each.client.clientId;
    if (!tiles.has(id)) tiles.set(id, makeTile(id));
    const tile = tiles.get(id);
    tile.show(each);
    // Only what has another place is moved: that keeps the focus, and is cheap.
    if (wall.children[index] !== tile.element) wall.insertBefore(tile.element, wall.children[index] ?? null);
  });
}

function makeTile(id) {
  const state = h("span", { class: "badge" });
  const note = h("p", { class: "why" });
  const spark = sparkline();
  const values = { cpu: h("dd"), memory: h("dd"), disk: h("dd"), load: h("dd") };
  const element = h("li", { class: "client-tile", data: { client: id } },
    h("div", { class: "row spread" }, h("a", { href: `client?id=${encodeURIComponent(id)}` }, id), state), spark,
    h("dl", {}, h("dt", {}, "cpu"), values.cpu, h("dt", {}, "memory"), values.memory, h("dt", {}, "disk"), values.disk,
      h("dt", {}, "load"), values.load), note);
  const show = ({ client, how, raised, used }) => {
    element.dataset.condition = how;
    state.className = `badge ${conditionKinds[how]}`;
    setText(state, conditionTexts[how]);
    for (const name of ["cpu", "memory", "disk"]) setText(values[name], format.percent(used[name]));
    const load = client.health?.load;
    setText(values.load, Number.isFinite(load?.[0]) ? load[0].toFixed(2) : format.dash);
    setText(note, raised.length ? raised.map((alert) => alert.alert).join(", ") : aboutClient(client));
    drawSparkline(spark, histories.of(id));
  };
  return { element, show };
}

function aboutClient(client) {
  if (client.state !== "online") return client.disconnectedAt ? `left ${format.ago(client.disconnectedAt)}` : "left";
  return [client.health?.host, client.health?.version].filter((part) => typeof part === "string").join(" · ");
}

function drawAlerts() {
  const all = [...alerts.values()].flat().sort((one, other) => severity(one.level) - severity(other.level)
    || (one.client < other.client ? -1 : 1));
  alertCard.hidden = !all.length;
  replace(alertRows, all.slice(0, 100).map((alert) => h("tr", {},
    h("th", { scope: "row" }, h("a", { href: `client?id=${encodeURIComponent(alert.client)}` }, alert.client)),
    h("td", {}, badge(alert.level, alert.level)), h("td", {}, alert.alert),
    h("td", {}, typeof alert.value === "number" ? String(Math.round(alert.value * 1000) / 1000) : String(alert.value ?? format.dash)),
    h("td", {}, format.ago(alert.since)))));
}

live.watch({ types: ["alert", "session"] }, happened);
// What happened while the socket was away is not told again.
live.on("open", load);
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
load();
