// Who this page is to the cluster, when it connects as any client does: by the public protocol.

import { field, h, input } from "./dom.js";

const tokenSlot = "switchboard.client-token";

/** A name for this tab, the same after a reload. */
export function clientId(prefix) {
  const slot = `switchboard.${prefix}.id`;
  let id = sessionStorage.getItem(slot);
  if (!id) {
    const bytes = crypto.getRandomValues(new Uint8Array(6));
    id = `${prefix}-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
    sessionStorage.setItem(slot, id);
  }
  return id;
}

/** What a client has to show where the nodes ask clients for tokens; undefined otherwise. */
export function clientToken() { return sessionStorage.getItem(tokenSlot) ?? undefined; }

/** Options of Switchboard that say who this is: with a token the token says it. */
export function identity(prefix) {
  const token = clientToken();
  return token ? { token } : { clientId: clientId(prefix) };
}

/** Where a person can give a client token, for nodes that ask for one; onChange is called when it is another one. */
export function tokenField(onChange) {
  const control = input("client-token", { type: "password", value: clientToken() ?? "" });
  control.addEventListener("change", () => {
    const token = control.value.trim();
    if (token) sessionStorage.setItem(tokenSlot, token);
    else sessionStorage.removeItem(tokenSlot);
    onChange();
  });
  // Enter takes it over, as leaving the field does.
  const submit = (event) => {
    event.preventDefault();
    control.blur();
  };
  return h("details", { class: "identity" }, h("summary", {}, "Client token"), h("form", { onsubmit: submit },
    field("Token", control, { hint: "Only where the nodes ask clients for one. Kept in this tab." })));
}
