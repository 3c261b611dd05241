// How roll-outs look, in their list and alone.

import { badge, h } from "./dom.js";
import * as format from "./format.js";

const kinds = { canary: "info", running: "info", paused: "amber", aborted: "red", done: "ok" };

export function rolloutBadge(state) { return badge(state, kinds[state] ?? ""); }

export function isOver(state) { return state === "aborted" || state === "done"; }

/** A bar of what is decided, with its numbers in words. */
export function progress({ total, ok, failed, started }) {
  const share = (part) => `${total ? (part / total) * 100 : 0}%`;
  const bar = (part, kind) => {
    const element = h("span", { class: kind });
    element.style.width = share(part);
    return element;
  };
  const text = `${format.number(ok + failed)} of ${format.number(total)} decided`;
  return h("div", { class: "progress" },
    h("div", { class: "bar parts", role: "progressbar", "aria-label": "Decided", "aria-valuemin": 0, "aria-valuemax": total, "aria-valuenow": ok + failed },
      bar(ok, "ok"), bar(failed, "red"), bar(Math.max(0, started - ok - failed), "way")),
    h("span", { class: "small nowrap" }, text));
}

/** To whom it goes, in words. */
export function targetText(to) {
  if (!to) return null;
  if (to.all) return "everyone";
  if (to.group) return `group ${to.group}`;
  if (to.client) return to.client;
  if (to.clients) return to.clients.length > 5 ? `${to.clients.length} clients by name` : to.clients.join(", ");
  const labels = Array.isArray(to.labels) ? to.labels : Object.entries(to.labels ?? {}).map((pair) => pair.join("="));
  return `labels ${labels.join(", ")}`;
}
