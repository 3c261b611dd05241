// Elements are built, never parsed: what clients and people have written goes into text nodes and attributes only.

const svgTags = new Set(["svg", "path", "circle", "line", "rect", "polyline"]);

/**
 * An element: h("button", { class: "primary", onclick: save, disabled: true }, "Save").
 * Properties that are null, undefined or false are left out; on... take functions, data a dictionary, value the live value.
 * Children may be texts, numbers, nodes, lists of them, or null and false, which are left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = svgTags.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(parent, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(parent, child);
    else if (child !== null && child !== undefined && child !== false) {
      parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
  }
}

/** Gives an element other children. */
export function replace(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** The text of an element, written only when it has changed. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/**
 * A labelled control with room for a hint and for what is wrong with it.
 * `names` are the words by which problems of the API call it, if other than the control's name.
 */
export function field(label, control, { hint, names = [] } = {}) {
  control.name ||= control.id;
  control.dataset.names = [control.name, ...names].join(" ");
  const error = h("span", { class: "error", id: `${control.id}-error`, role: "alert" });
  const help = hint ? h("span", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  control.setAttribute("aria-describedby", help ? `${help.id} ${error.id}` : error.id);
  control.addEventListener("input", () => fieldError(control, ""));
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, help, error);
}

/** Says what is wrong with a control, next to it; an empty text takes it back. */
export function fieldError(control, message) {
  const place = document.getElementById(`${control.id}-error`);
  if (place) setText(place, message);
  if (message) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

export function clearErrors(form) {
  for (const control of form.querySelectorAll("[data-names]")) fieldError(control, "");
  const notice = form.querySelector(".form-error");
  if (notice) notice.remove();
}

/**
 * Shows a problem of the API next to the field that its detail quotes ("'ttl' must be ...") or that has its code among its
 * names, or else at the form's end.
 * `fallback` is the control to blame when the problem names none.
 */
export function showProblem(form, error, fallback) {
  const controls = [...form.querySelectorAll("[data-names]")];
  const text = error.detail || error.message;
  const quoted = [...text.matchAll(/'([^']+)'/g)].map((match) => match[1]);
  const named = new Set([...quoted, error.code]);
  const control = controls.find((each) => each.dataset.names.split(" ").some((name) => named.has(name))) ?? fallback;
  if (control) {
    fieldError(control, text);
    control.focus();
    return;
  }
  form.querySelector(".form-error")?.remove();
  form.append(h("p", { class: "notice red form-error", role: "alert" }, text));
}

export function input(id, properties = {}) {
  return h("input", { id, autocomplete: "off", spellcheck: "false", ...properties });
}

/** options: texts, or pairs of value and text. */
export function select(id, options, properties = {}) {
  return h("select", { id, ...properties }, options.map((option) => {
    const [value, text] = Array.isArray(option) ? option : [option, option];
    return h("option", { value }, text);
  }));
}

/** A table within a card. columns: texts, or { text, number: true }. */
export function table(caption, columns, body) {
  const heads = columns.map((column) => {
    const { text, number } = typeof column === "string" ? { text: column } : column;
    return h("th", { scope: "col", class: number && "number" }, text === "" ? h("span", { class: "visually-hidden" }, "Actions") : text);
  });
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, h("tr", {}, heads)), body));
}

export function card(title, { actions, id } = {}, ...children) {
  return h("section", { class: "card", id, "aria-label": title },
    h("header", {}, h("h2", {}, title), actions && h("div", { class: "row" }, actions)), ...children);
}

/** Name and value pairs; values that are null are left out. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** A state in words and colour; kind: ok, amber, red, info or none. */
export function badge(text, kind = "") { return h("span", { class: `badge ${kind}` }, text); }

const stateKinds = { online: "ok", suspect: "amber", offline: "", serving: "ok", draining: "amber", drained: "amber", ok: "ok", amber: "amber", red: "red" };
export function stateBadge(state) { return badge(state, stateKinds[state] ?? ""); }

/** Why something could not be shown. */
export function problemNotice(error) { return h("p", { class: "notice red", role: "alert" }, error.detail || error.message); }
