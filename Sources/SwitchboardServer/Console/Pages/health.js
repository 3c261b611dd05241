// What clients say of themselves: shares of processor, memory and disk, how bad it is, and how it went.

import { h } from "./dom.js";
import { bytes, duration, percent } from "./format.js";

// Clients write what they like: to compare an object with a number may even throw.
const used = (whole, left) => (Number.isFinite(whole) && whole > 0 && Number.isFinite(left) ? 1 - left / whole : undefined);

/** The shares in use, 0...1, of a client's health; undefined where it does not say. */
export function shares(health) {
  return {
    cpu: Number.isFinite(health?.cpu) ? health.cpu : undefined,
    memory: used(health?.memory?.total, health?.memory?.available),
    disk: used(health?.disk?.total, health?.disk?.free),
  };
}

/** What a client says of itself, as pairs of a name and what is shown: what is known as people read it, the rest as it came. */
export function healthFacts(health) {
  if (health === null || typeof health !== "object") return flat(health, "value");
  const { cpu, memory, disk } = shares(health);
  const { uptime, load } = health;
  const known = [];
  const rest = { ...health };
  const show = (name, text) => {
    known.push([name, h("span", { title: JSON.stringify(rest[name]) }, text)]);
    delete rest[name];
  };
  if (cpu !== undefined) show("cpu", percent(cpu));
  if (memory !== undefined) show("memory", `${percent(memory)} of ${bytes(health.memory.total)}`);
  if (disk !== undefined) show("disk", `${percent(disk)} of ${bytes(health.disk.total)}`);
  if (Array.isArray(load) && load.length && load.every(Number.isFinite)) show("load", load.join(" · "));
  if (Number.isFinite(uptime) && uptime >= 0) show("uptime", duration(uptime));
  return [...known, ...flat(rest)];
}

/** Members of an object of any depth, as names with dots. */
function flat(value, name = "", depth = 0) {
  if (value === null || typeof value !== "object" || depth > 3) return [[name, h("code", {}, typeof value === "string" ? value : JSON.stringify(value))]];
  return Object.entries(value).slice(0, 60).flatMap(([key, each]) => flat(each, name ? `${name}.${key}` : key, depth + 1));
}

const severities = { red: 0, amber: 1, offline: 2, ok: 3, none: 4 };

/**
 * How a client is: "red", "amber", "offline", "ok" or "none" (it says nothing of itself). An alert outlives the
 * connection: a client that is red because it is offline stays red.
 */
export function condition(client, alerts) {
  if (alerts.some((alert) => alert.level === "red") || client.level === "red") return "red";
  if (alerts.length || client.level === "amber") return "amber";
  if (client.state !== "online") return "offline";
  return client.level ?? (client.health ? "ok" : "none");
}

/** For sorting the worst first. */
export function severity(name) { return severities[name] ?? 4; }

/** The newest values of each client, for its sparkline. */
export class Histories {
  #values = new Map();
  #length;

  constructor(length = 60) { this.#length = length; }

  add(id, value) {
    if (value === undefined) return;
    const values = this.#values.get(id) ?? [];
    values.push(value);
    if (values.length > this.#length) values.shift();
    this.#values.set(id, values);
  }

  of(id) { return this.#values.get(id) ?? []; }

  /** Forgets all but these clients. */
  keep(ids) {
    for (const id of this.#values.keys()) if (!ids.has(id)) this.#values.delete(id);
  }
}

const width = 100;
const height = 24;

/** A line of shares 0...1; what it says is in words beside it, so readers skip it. */
export function sparkline() {
  return h("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    h("polyline", { fill: "none", stroke: "currentColor", "stroke-width": 1.5, "vector-effect": "non-scaling-stroke" }));
}

export function drawSparkline(svg, values) {
  const step = width / Math.max(1, values.length - 1);
  const points = values.map((value, index) =>
    `${(index * step).toFixed(1)},${(height - 1 - Math.min(1, Math.max(0, value)) * (height - 2)).toFixed(1)}`);
  svg.firstElementChild.setAttribute("points", points.join(" "));
}
