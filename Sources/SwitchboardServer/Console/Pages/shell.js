// What all pages have: navigation, signing in, theme, messages and keys.
//
// Controls: #nav, #theme, #key (opens the sign-in), #sign-in (dialog) with #api-key and #sign-in-submit, #live-state,
// #toasts, #help (dialog), #confirm (dialog) with #confirm-yes and #confirm-no. "/" focuses #search where a page has it.

import { key, onKeyNeeded, setKey } from "./api.js";
import { fieldError, field, h, input, setText } from "./dom.js";
import { live } from "./live.js";

const pages = [
  ["overview", "Overview", "./", "o"],
  ["clients", "Clients", "clients", "c"],
  ["push", "Push", "push", "p"],
  ["rollouts", "Roll-outs", "rollouts", "r"],
  ["wall", "Monitoring", "wall", "m"],
  ["logs", "Logs", "logs", "l"],
  ["terminal", "Terminal", "terminal", "t"],
  ["chat", "Chat", "chat", "h"],
  ["nodes", "Nodes", "nodes", "n"],
];
const parents = { client: "clients", rollout: "rollouts" };

let toasts;

/**
 * Builds the frame of a page and returns its `main`, into which the page puts itself.
 * actions: elements at the right of the heading. sub: a line beside it.
 */
export function shell({ title, sub, actions } = {}) {
  const here = document.body.dataset.page;
  document.title = `${title} · Switchboard`;
  const heading = h("h1", { id: "title" }, title);
  const main = h("main", { id: "main", tabindex: "-1" },
    h("div", { class: "head" }, h("div", {}, heading, sub && h("p", { class: "sub" }, sub)), actions && h("div", { class: "row" }, actions)));
  toasts = h("div", { class: "toasts", id: "toasts", role: "status", "aria-live": "polite" });
  document.body.append(
    h("a", { class: "skip", href: "#main" }, "Skip to content"),
    h("div", { class: "frame" }, side(parents[here] ?? here), main), toasts);
  onKeyNeeded(signIn);
  addEventListener("keydown", pressed);
  return main;
}

function side(current) {
  const state = h("span", { id: "live-state", class: "badge", role: "status" }, "connecting");
  const words = { connecting: "connecting", waiting: "reconnecting", refused: "not signed in" };
  const show = () => {
    const open = live.state === "open";
    setText(state, open ? `live · ${live.hello.node}` : words[live.state]);
    state.className = `badge ${open ? "ok" : "amber"}`;
  };
  live.on("state", show);
  const keyButton = h("button", { id: "key", class: "tiny quiet", onclick: () => signIn() });
  const showKey = () => setText(keyButton, key() ? "Change key" : "Sign in");
  addEventListener("switchboard:key", showKey);
  showKey();
  return h("div", { class: "side" },
    h("a", { class: "brand", href: "./" }, mark(), "Switchboard"),
    h("nav", { id: "nav", "aria-label": "Console" }, h("ul", {}, pages.map(([name, text, href, letter]) =>
      h("li", {}, h("a", { href, "aria-current": name === current && "page" }, text, h("kbd", { "aria-hidden": "true" }, letter)))))),
    h("div", { class: "foot" }, state, h("div", { class: "row" },
      h("button", { id: "theme", class: "tiny quiet", onclick: toggleTheme }, "Theme"), keyButton,
      h("button", { class: "tiny quiet", "aria-label": "Keyboard help", onclick: help }, "?"))));
}

function mark() {
  const ends = [[5, 6], [5, 18], [19, 6], [19, 18]].map(([cx, cy]) => h("circle", { cx, cy, r: 2 }));
  const lines = h("path", { d: "M7 6c6 0 4 12 10 12M7 18c6 0 4-12 10-12" });
  return h("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "aria-hidden": "true" }, ends, lines);
}

function toggleTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("switchboard.theme", theme);
  dispatchEvent(new CustomEvent("switchboard:theme"));
}

/** Says something for a few seconds, also to screen readers. kind: ok, red or none. */
export function toast(text, kind = "") {
  const entry = h("div", { class: `toast ${kind}` }, h("span", {}, text));
  entry.append(h("button", { class: "tiny quiet", "aria-label": "Dismiss", onclick: () => entry.remove() }, "×"));
  toasts.append(entry);
  while (toasts.childElementCount > 4) toasts.firstElementChild.remove();
  setTimeout(() => entry.remove(), kind === "red" ? 10_000 : 5000);
}

/** Runs something that the operator asked for by a button, which is off meanwhile; a failure becomes a toast. */
export async function attempt(button, action, done) {
  if (button) button.disabled = true;
  try {
    const result = await action();
    if (done) toast(typeof done === "function" ? done(result) : done, "ok");
    return result;
  } catch (error) {
    toast(error.detail ?? error.message, "red");
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}

function show(dialog, settle) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    settle();
  });
  dialog.showModal();
}

/** Asks before something that cannot be taken back. Resolves to whether it is wanted. */
export function confirm(title, text, action, { danger = true } = {}) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = h("dialog", { id: "confirm", "aria-labelledby": "confirm-title" }, h("div", { class: "body" },
      h("h2", { id: "confirm-title" }, title), h("p", {}, text), h("div", { class: "end" },
        h("button", { id: "confirm-no", onclick: () => dialog.close() }, "Cancel"),
        h("button", { id: "confirm-yes", class: danger ? "danger" : "primary", onclick: () => { answer = true; dialog.close(); } }, action))));
    show(dialog, () => resolve(answer));
  });
}

/** Asks for a key; it stays in this tab. Resolves to whether there is another one. */
function signIn(problem) {
  return new Promise((resolve) => {
    if (document.getElementById("sign-in")) return resolve(false);
    let changed = false;
    const control = input("api-key", { type: "password", required: true });
    const submit = (event) => {
      event.preventDefault();
      const value = control.value.trim();
      if (!/^[\x21-\x7e]+$/.test(value)) return fieldError(control, "A key has no spaces and only ASCII characters.");
      changed = true;
      setKey(value);
      dialog.close();
    };
    const dialog = h("dialog", { id: "sign-in", "aria-labelledby": "sign-in-title" }, h("form", { onsubmit: submit, novalidate: true },
      h("h2", { id: "sign-in-title" }, "Sign in"),
      h("p", { class: "muted" }, "An API key, or a token with scopes. It is kept in this tab only and forgotten with it."),
      problem && key() && h("p", { class: "notice red", role: "alert" }, problem.detail ?? "The key is not accepted."),
      field("Key", control),
      h("div", { class: "end" },
        key() && h("button", { type: "button", onclick: signOut }, "Sign out"),
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { id: "sign-in-submit", class: "primary" }, "Sign in"))));
    show(dialog, () => resolve(changed));
  });
}

/** What was read with the key goes with it. */
function signOut() {
  setKey(null);
  location.reload();
}

function help() {
  const rows = [["/", "search"], ["?", "this help"], ["Esc", "close a dialog"], ...pages.map(([, text, , letter]) => [`g ${letter}`, text])];
  const dialog = h("dialog", { id: "help", "aria-labelledby": "help-title" }, h("div", { class: "body" },
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", { class: "facts" }, rows.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)])),
    h("div", { class: "end" }, h("button", { onclick: () => dialog.close() }, "Close"))));
  show(dialog, () => {});
}

let going = 0;

function pressed(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.closest?.("input, select, textarea, [contenteditable], .terminal, .xterm")) return;
  if (event.key === "/") {
    const search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
  } else if (event.key === "?") {
    help();
  } else if (event.key === "g") {
    going = Date.now();
  } else if (Date.now() - going < 1500) {
    going = 0;
    const page = pages.find(([, , , letter]) => letter === event.key);
    if (page) location.href = page[2];
  }
}
