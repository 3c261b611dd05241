// The HTTP API, with the operator's key, and problem documents as errors.

const base = new URL("../v1/", import.meta.url);
const slot = "switchboard.key";
let askForKey = null;
let asking = null;
// Who does not want to sign in is not asked with every request again.
let declined = false;

/** What the API said instead of yes. `code` is stable; `detail` is for people. */
export class APIError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? "unknown";
    this.detail = problem.detail ?? this.message;
    this.problem = problem;
  }
}

export function key() { return sessionStorage.getItem(slot); }

export function setKey(value) {
  if (value) sessionStorage.setItem(slot, value);
  else sessionStorage.removeItem(slot);
  declined = false;
  dispatchEvent(new CustomEvent("switchboard:key"));
}

/** ask(problem) resolves to true when there is another key; it is called once, however many requests wait for it. */
export function onKeyNeeded(ask) { askForKey = ask; }

export function keyNeeded(problem) {
  if (!askForKey || declined) return Promise.resolve(false);
  asking ??= askForKey(problem).then((changed) => {
    declined = !changed;
    asking = null;
    return changed;
  });
  return asking;
}

export function address(path, query = {}) {
  const url = new URL(path, base);
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    for (const each of [value].flat()) url.searchParams.append(name, each);
  }
  return url;
}

/** A path of parts, each of which may hold any character: path("clients", id, "mailbox"). */
export function path(...parts) { return parts.map(encodeURIComponent).join("/"); }

/** The response as it is, of a request with the key; problems are thrown as APIError. */
export async function fetchAPI(method, where, { query, body, headers = {}, signal } = {}) {
  const init = { method, headers: { ...headers }, signal, cache: "no-store" };
  if (body !== undefined) {
    init.body = typeof body === "string" ? body : JSON.stringify(body);
    init.headers["Content-Type"] ??= "application/json";
  }
  for (;;) {
    const shown = key();
    if (shown) init.headers.Authorization = `Bearer ${shown}`;
    else delete init.headers.Authorization;
    let response;
    try {
      response = await fetch(address(where, query), init);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new APIError(0, { code: "unreachable", detail: "The node cannot be reached." });
    }
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({ title: `The answer was ${response.status}.` }));
    if (response.status === 401 && (shown !== key() || await keyNeeded(problem))) continue;
    throw new APIError(response.status, problem);
  }
}

/** The JSON of an answer; null when it has no content. */
async function call(method, where, options) {
  const response = await fetchAPI(method, where, options);
  const text = await response.text();
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new APIError(response.status, { code: "unexpected_answer", detail: "The answer is not JSON; is a proxy in the way?" });
  }
}

export const get = (where, query, options = {}) => call("GET", where, { query, ...options });
export const post = (where, body, options = {}) => call("POST", where, { body, ...options });
export const put = (where, options = {}) => call("PUT", where, options);
export const remove = (where, options = {}) => call("DELETE", where, options);
