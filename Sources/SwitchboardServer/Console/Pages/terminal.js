// A terminal on a client's machine. This page and the agent count what is typed and drawn, so it goes on at any node.
//
// Controls: #client, #name (of the terminal), #mode (select: shared, readOnly), #command, #attach (in form #terminal-form);
// #list and #terminals (table; .choose opens one); #screen (the terminal), #terminal-state (badge), #viewers, #size,
// #reader (for screen readers: lines as text), #save (recording), #detach, #end.

import { badge, card, field, h, input, replace, select, setText, table } from "./dom.js";
import * as format from "./format.js";
import { library, stylesheet } from "./library.js";
import { live } from "./live.js";
import { Recording, save } from "./recording.js";
import { confirm, shell, toast } from "./shell.js";
import { TerminalScreen } from "./terminalscreen.js";
import { TerminalViewer, viewerId } from "./terminalviewer.js";

const everyMs = 1000;
/** What a node says while the way to the others is broken or full: it is asked again. */
const passing = new Set(["bus_unavailable", "overloaded", "rate_limited"]);
/** What this tab has open; client.js names it before it leads here. */
const lastOpened = "switchboard.terminal";
const parameters = new URL(location.href).searchParams;

const client = input("client", { value: parameters.get("client") ?? "", required: true, placeholder: "kiosk-7" });
const name = input("name", { value: parameters.get("terminal") ?? "main", required: true, pattern: "[A-Za-z0-9._\\-]{1,64}", maxlength: 64 });
const mode = select("mode", [["shared", "type and see"], ["readOnly", "only see"]]);
const command = input("command", { placeholder: "the agent's default" });
const attach = h("button", { id: "attach", class: "primary" }, "Open");
const list = h("button", { id: "list", type: "button", onclick: askList }, "List");
const rows = h("tbody", { id: "terminals" });
const listCard = card("Terminals of the client", {}, table("Terminals", ["Name", "Program", "Size", "Viewers", "Since", ""], rows));
listCard.hidden = true;
const state = h("span", { id: "terminal-state", class: "badge", role: "status" }, "no terminal");
const viewers = h("span", { id: "viewers" });
const size = h("span", { id: "size" });
const reader = h("input", { id: "reader", type: "checkbox" });
const keep = h("button", { id: "save", class: "tiny", onclick: saveRecording, disabled: true }, "Save recording");
const detach = h("button", { id: "detach", class: "tiny", onclick: leave, disabled: true }, "Detach");
const end = h("button", { id: "end", class: "tiny danger", onclick: kill, disabled: true }, "End program");
const box = h("div", { id: "screen", class: "terminal-box", role: "group", "aria-label": "Terminal" });
const hint = h("p", { class: "muted small" }, "Ctrl+Shift+E leaves the terminal for the keyboard. What is typed while the link is away, up to 4 KB, is sent when it is back.");
const problem = h("div", { id: "problem" });

const main = shell({ title: "Terminal", sub: "A program on a client's machine" });
main.classList.add("tall");
main.append(
  h("form", { id: "terminal-form", class: "filters", onsubmit: open }, field("Client", client), field("Terminal", name),
    field("Mode", mode), field("Program", command), attach, list),
  problem, listCard,
  h("div", { class: "row spread" }, h("div", { class: "row" }, state, viewers, size),
    h("div", { class: "row" }, h("label", { class: "check small" }, reader, "Screen reader"), keep, detach, end)),
  box, hint);

let Terminal = null;
let screen = null;
let viewer = null;
let recording = new Recording();
let current = null;
/** The viewer that only asks for lists, while an answer is awaited. */
let lister = null;

reader.addEventListener("input", () => screen?.setReader(reader.checked));

async function open(event) {
  event?.preventDefault();
  const wanted = { client: client.value.trim(), terminal: name.value.trim(), mode: mode.value, command: command.value.trim() };
  if (!wanted.client || !/^[A-Za-z0-9._-]{1,64}$/.test(wanted.terminal)) return toast("Give a client, and a name of letters, digits and . _ -", "red");
  leave();
  try {
    Terminal ??= await loadTerminal();
  } catch (error) {
    return replace(problem, h("p", { class: "notice red", role: "alert" }, error.message));
  }
  replace(problem);
  listCard.hidden = true;
  const url = new URL(location.href);
  url.searchParams.set("client", wanted.client);
  url.searchParams.set("terminal", wanted.terminal);
  history.replaceState(null, "", url);
  sessionStorage.setItem(lastOpened, `${wanted.client} ${wanted.terminal}`);
  begin(wanted);
}

async function loadTerminal() {
  stylesheet("xterm.css");
  return library("xterm.js", "Terminal");
}

function begin(wanted) {
  current = { ...wanted, viewer: viewerId() };
  recording = new Recording();
  screen = new TerminalScreen(Terminal, box, {
    isReadOnly: wanted.mode === "readOnly", reader: reader.checked,
    onKeys: (bytes) => { if (!viewer.type(bytes)) toast("Not sent: the client cannot be reached.", "red"); },
    onDrawn: (offset) => viewer?.took(offset),
    onText: (text) => recording.output(text),
    onSize: (columns, rows) => {
      viewer?.resize(columns, rows);
      showSize(columns, rows);
    },
    onTitle: (title) => { document.title = `${title || wanted.terminal} · ${wanted.client}`; },
    onLeave: () => detach.focus(),
  });
  viewer = new TerminalViewer({
    id: current.viewer, options: { ...wanted, columns: screen.columns, rows: screen.rows }, send: (frame) => live.send(frame), screen, onChange: changed,
  });
  showState("connecting");
  viewer.attach(performance.now());
  screen.focus();
}

function changed(kind, frame) {
  if (kind === "replay") {
    screen.replaying();
    recording.begin(frame.columns, frame.rows, `${current.client} ${current.terminal}`);
  } else if (kind === "here" || kind === "resized") {
    if (frame.columns !== screen.columns || frame.rows !== screen.rows) {
      // Another viewer chose the size, or this one may not: only a viewer that types has a say, when it comes.
      if (kind === "here" && frame.isNew === false && current.mode === "shared" && !current.isSized) viewer.resize(screen.columns, screen.rows);
      else screen.setSize(frame.columns, frame.rows);
    }
    if (kind === "here") current.isSized = true;
    recording.resized(frame.columns, frame.rows);
    showSize(screen.columns, screen.rows);
  } else if (kind === "replaced") {
    screen.say("The program is gone, and this is a new one. What was typed meanwhile is dropped.");
  } else if (kind === "ended") {
    screen.say(endText(frame));
  } else if (kind === "refused") {
    replace(problem, h("p", { class: "notice red", role: "alert" }, frame.message || frame.code));
  }
  showState(viewer.state);
}

function endText({ status, signal, reason }) {
  const why = { exited: "The program ended", idle: "Ended, because nobody used it", closed: "The program was ended", agent_stopped: "The agent stopped" };
  const how = Number.isInteger(signal) ? ` by signal ${signal}` : Number.isInteger(status) ? ` with status ${status}` : "";
  return `${why[reason] ?? "Ended"}${how}.`;
}

const stateTexts = { connecting: "connecting", open: "open", offline: "client offline", ended: "ended", refused: "refused" };
const stateKinds = { connecting: "amber", open: "ok", offline: "amber", ended: "", refused: "red" };

function showState(name) {
  setText(state, stateTexts[name] ?? "no terminal");
  state.className = `badge ${stateKinds[name] ?? ""}`;
  setText(viewers, name === "open" ? `${viewer.viewers} ${viewer.viewers === 1 ? "viewer" : "viewers"}` : "");
  const isOn = viewer !== null && !viewer.isOver;
  detach.disabled = !isOn;
  end.disabled = !isOn || current.mode === "readOnly";
  keep.disabled = !screen;
}

function showSize(columns, rowCount) { setText(size, `${columns} × ${rowCount}`); }

function leave() {
  viewer?.detach();
  viewer = null;
  screen?.close();
  screen = null;
  showState("none");
}

async function kill() {
  const isWanted = await confirm("End the program?", `What runs in ${current.terminal} on ${current.client} is ended for all who view it.`, "End it");
  if (isWanted) viewer?.end();
}

function saveRecording() {
  if (recording.isEmpty) return toast("Nothing was seen yet.");
  save(`${current.client}-${current.terminal}.cast`, recording.text);
  toast(recording.isCut ? "Saved without its end: it was too long." : "Saved; play it with asciinema play.", "ok");
}

// The list of a client's terminals ----------------------------------------------------------------------------------

function askList() {
  const id = client.value.trim();
  if (!id) return client.focus();
  if (lister) endList();
  lister = { viewer: viewerId(), client: id };
  if (!live.send({ type: "terminal", op: "list", ...lister })) toast("There is no connection to the node yet.", "red");
}

function endList() {
  live.send({ type: "terminal", op: "detach", viewer: lister.viewer });
  lister = null;
}

function showList(frame) {
  listCard.hidden = false;
  const found = frame.op === "terminals" ? frame.terminals : [];
  const nothing = { terminals: "No terminal is open.", offline: "The client is offline.", refused: frame.message }[frame.op];
  replace(rows, found.map((each) => h("tr", {}, h("th", { scope: "row" }, each.terminal), h("td", { class: "mono" }, each.command),
    h("td", {}, `${each.columns} × ${each.rows}`), h("td", {}, format.number(each.viewers)), h("td", {}, format.ago(each.since)),
    h("td", { class: "actions" }, h("button", { class: "tiny choose", "aria-label": `Open ${each.terminal}`, onclick: () => choose(each) }, "Open")))),
  !found.length && h("tr", {}, h("td", { colspan: 6, class: "empty" }, nothing)));
}

function choose({ terminal }) {
  name.value = terminal;
  open();
}

// The operator socket ------------------------------------------------------------------------------------------------

live.on("terminal", (frame) => {
  if (lister && frame.viewer === lister.viewer) {
    showList(frame);
    endList();
  } else viewer?.received(frame, performance.now());
});
live.on("error", (frame) => {
  if (lister && frame.ref === lister.viewer) {
    replace(problem, h("p", { class: "notice red", role: "alert" }, frame.message));
    endList();
  } else if (!viewer || frame.ref !== current.viewer) return;
  else if (frame.code === "not_attached") viewer.lost();
  else if (!passing.has(frame.code)) viewer.refuse(frame);
});
live.on("open", () => viewer?.attach(performance.now()));
live.on("state", (name) => { if (name !== "open") viewer?.lost(); });
setInterval(() => viewer?.renew(performance.now()), everyMs);
addEventListener("pagehide", () => viewer?.detach());
addEventListener("switchboard:theme", () => screen?.setTheme());

// Only where this tab was already, or where a button of the console leads: no link of others opens a shell.
if (client.value && name.value && sessionStorage.getItem(lastOpened) === `${client.value} ${name.value}`) open();
