// A chat of rooms. It is a client like any other: nothing but the public protocol by switchboard.js. A room is the group
// chat:ROOM; what is said is published to it durably, so that those who come find what was said before.
//
// Controls: #name and #room with #enter (in form #enter-form), #rooms (a button for each, data-room, with its unread count),
// #members (who is here), #messages (role=log), #text with #say (in form #say-form), #leave, #client-token.

import { Switchboard } from "../switchboard.js";
import { field, h, input, replace, setText } from "./dom.js";
import * as format from "./format.js";
import { clientToken, identity, tokenField } from "./identity.js";
import { shell, toast } from "./shell.js";

const prefix = "chat:";
const historyLength = 100;
const mostMessages = 1000;
const mostRooms = 30;
const nameSlot = "switchboard.chat.name";
const isRoom = /^[A-Za-z0-9._@-]{1,100}$/;

/** Names to { messages, members, unread, isComplete }. */
const rooms = new Map();
let current = null;
let switchboard = null;

const parameters = new URL(location.href).searchParams;
const name = input("name", { value: parameters.get("name") ?? localStorage.getItem(nameSlot) ?? "", required: true, maxlength: 60, autocomplete: "nickname" });
const room = input("room", { placeholder: "lobby", required: true, maxlength: 100 });
const text = input("text", { required: true, maxlength: 4000, placeholder: "Say something" });
const say = h("button", { id: "say", class: "primary" }, "Send");
const roomList = h("ul", { id: "rooms", class: "stack tight" });
const members = h("ul", { id: "members", class: "stack tight" });
const memberCount = h("p", { id: "member-count", class: "muted small" });
const messages = h("div", { id: "messages", class: "messages", role: "log", "aria-live": "polite", "aria-label": "Messages", tabindex: "0" });
const connection = h("span", { id: "connection", role: "status", class: "muted small" });
const roomTitle = h("h2", { id: "room-title" }, "No room");
const leave = h("button", { id: "leave", class: "tiny", hidden: true, onclick: () => leaveRoom(current) }, "Leave");
const sayForm = h("form", { id: "say-form", class: "row say", hidden: true, onsubmit: send }, h("label", { for: "text", class: "visually-hidden" }, "Message"), text, say);

const main = shell({ title: "Chat", sub: "Rooms over the public protocol" });
main.classList.add("tall");
main.append(
  h("form", { id: "enter-form", class: "filters", onsubmit: enter }, field("Your name", name), field("Room", room),
    h("button", { id: "enter", class: "primary" }, "Enter"), connection),
  h("div", { class: "chat" },
    h("section", { class: "card", "aria-label": "Rooms" }, h("header", {}, h("h2", {}, "Rooms")), h("div", { class: "body" }, roomList)),
    h("section", { class: "card room", "aria-labelledby": "room-title" }, h("header", {}, roomTitle, leave), messages, sayForm),
    h("section", { class: "card", "aria-label": "Who is here" }, h("header", {}, h("h2", {}, "Here")), h("div", { class: "body" }, memberCount, members))),
  tokenField(reconnect));

// Rooms ---------------------------------------------------------------------------------------------------------------

function enter(event) {
  event.preventDefault();
  const wanted = room.value.trim();
  if (!isRoom.test(wanted)) return toast("A room's name has letters, digits and . _ @ -", "red");
  if (!name.value.trim()) return toast("Say who you are.", "red");
  if (rooms.size >= mostRooms && !rooms.has(wanted)) return toast(`At most ${mostRooms} rooms`, "red");
  room.value = "";
  open(wanted);
}

function open(wanted) {
  const who = name.value.trim();
  const isRenamed = switchboard && localStorage.getItem(nameSlot) !== who;
  localStorage.setItem(nameSlot, who);
  if (!rooms.has(wanted)) {
    rooms.set(wanted, { messages: [], members: new Map(), unread: 0, isComplete: true });
    if (switchboard && !isRenamed) switchboard.join(prefix + wanted, { history: historyLength, watch: true });
  }
  // The name is a label of the connection: another name is another connection.
  if (!switchboard || isRenamed) reconnect();
  choose(wanted);
  text.focus();
}

function leaveRoom(left) {
  switchboard?.leave(prefix + left);
  rooms.delete(left);
  choose([...rooms.keys()].at(-1) ?? null);
}

function choose(wanted) {
  current = wanted;
  const chosen = rooms.get(wanted);
  if (chosen) chosen.unread = 0;
  setText(roomTitle, wanted ?? "No room");
  sayForm.hidden = leave.hidden = !chosen;
  const url = new URL(location.href);
  if (wanted) url.searchParams.set("room", wanted);
  else url.searchParams.delete("room");
  url.searchParams.delete("name");
  history.replaceState(null, "", url);
  showRooms();
  showMembers();
  replace(messages, (chosen?.messages ?? []).map(messageRow));
  messages.scrollTop = messages.scrollHeight;
}

function showRooms() {
  replace(roomList, [...rooms].map(([each, { unread }]) => h("li", {},
    h("button", { class: "wide", data: { room: each }, "aria-pressed": String(each === current), onclick: () => choose(each) },
      h("span", {}, each), unread ? h("span", { class: "badge info" }, `${unread} new`) : null))));
}

// The connection -------------------------------------------------------------------------------------------------------

function reconnect() {
  switchboard?.close();
  if (!rooms.size) return;
  switchboard = new Switchboard({
    // Where there is a token only it may give labels; who has none shows by the id among those who are here.
    url: location.origin, ...identity("chat"), ...(!clientToken() && { labels: { name: name.value.trim() } }), slow: "skip", onPush: received, onEvent: happened,
  });
  for (const [each, state] of rooms) {
    state.messages = [];
    switchboard.join(prefix + each, { history: historyLength, watch: true });
  }
  switchboard.connect().catch(() => {});
}

function happened(event) {
  if (event.type === "connected") setText(connection, `connected to ${event.node}`);
  else if (event.type === "disconnected" || event.type === "attemptFailed") setText(connection, "reconnecting");
  else if (event.type === "stopped") setText(connection, event.error.message);
  else if (event.type === "refused") toast(event.message, "red");
  else if (event.type === "missed") notice(roomOf(event.channel), `${event.count ?? "some"} messages were skipped`);
  else if (event.type === "members") present(event);
  else if (event.type === "presence") changed(event);
}

function roomOf(channel) { return channel.replace(/^group:/, "").slice(prefix.length); }

function present({ group, clients, complete }) {
  const state = rooms.get(roomOf(group));
  if (!state) return;
  state.members = new Map(clients.map((client) => [client.clientId, nameOf(client)]));
  state.isComplete = complete !== false;
  showMembers();
}

function changed({ group, joined = [], left = [] }) {
  const state = rooms.get(roomOf(group));
  if (!state) return;
  for (const client of joined) state.members.set(client.clientId, nameOf(client));
  for (const id of left) state.members.delete(id);
  showMembers();
}

function nameOf(client) { return client.labels?.name || client.clientId; }

function showMembers() {
  const state = rooms.get(current);
  const all = [...(state?.members ?? [])].sort(([, one], [, other]) => one.localeCompare(other));
  setText(memberCount, state ? `${format.number(all.length)}${state.isComplete ? "" : " or more"}` : "");
  replace(members, all.map(([id, who]) => h("li", { data: { client: id }, title: id }, who, id === switchboard?.clientId ? " (you)" : "")));
}

// Messages --------------------------------------------------------------------------------------------------------------

async function send(event) {
  event.preventDefault();
  const said = text.value.trim();
  if (!said) return;
  text.value = "";
  try {
    await switchboard.publish(prefix + current, { text: said, name: name.value.trim(), at: Date.now() }, { durable: true });
  } catch (error) {
    toast(error.message, "red");
    text.value ||= said;
  }
}

function received(push) {
  if (!push.channel.startsWith(`group:${prefix}`)) return;
  const place = roomOf(push.channel);
  const state = rooms.get(place);
  if (!state) return;
  const { data } = push;
  const words = typeof data?.text === "string" ? data.text : JSON.stringify(data);
  // The node vouches for the sender's id; the name in a message is the sender's own word, and used when it has left.
  const who = state.members.get(push.from) ?? (typeof data?.name === "string" ? data.name : push.from ?? "backend");
  put(place, state, { words, who, from: push.from, at: Number.isFinite(data?.at) ? data.at : null });
}

function notice(place, words) {
  const state = rooms.get(place);
  if (state) put(place, state, { words, who: "", isNotice: true, at: Date.now() });
}

function put(place, state, message) {
  state.messages.push(message);
  if (state.messages.length > mostMessages) state.messages.shift();
  if (place !== current) {
    state.unread += 1;
    return showRooms();
  }
  const isAtEnd = messages.scrollTop + messages.clientHeight >= messages.scrollHeight - 40;
  messages.append(messageRow(message));
  if (messages.childElementCount > mostMessages) messages.firstElementChild.remove();
  if (isAtEnd) messages.scrollTop = messages.scrollHeight;
}

function messageRow(message) {
  const mine = message.from !== undefined && message.from === switchboard?.clientId;
  return h("div", { class: `message${mine ? " mine" : ""}${message.isNotice ? " notice" : ""}` },
    h("span", { class: "who", title: message.from }, message.who), h("span", { class: "words" }, message.words),
    message.at && h("time", { class: "muted small" }, format.time(message.at)));
}

const wanted = parameters.get("room");
if (wanted && isRoom.test(wanted)) {
  if (name.value) open(wanted);
  else {
    room.value = wanted;
    name.focus();
  }
}
