// Numbers and times as people read them.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const dash = "–";

export function number(value) { return Number.isFinite(value) ? whole.format(value) : dash; }

/** 12,345 as 12.3K. */
export function compact(value) { return Number.isFinite(value) ? (value < 10_000 ? whole.format(Math.round(value)) : short.format(value)) : dash; }

/** Things a second. */
export function rate(value) {
  if (!Number.isFinite(value)) return dash;
  return value > 0 && value < 10 ? value.toFixed(1) : compact(value);
}

export function bytes(value) {
  if (!Number.isFinite(value)) return dash;
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  for (; value >= 1024 && step < units.length - 1; step += 1) value /= 1024;
  return `${step && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

export function percent(share) { return Number.isFinite(share) ? `${Math.round(share * 100)} %` : dash; }

/** Milliseconds. */
export function latency(value) {
  if (!Number.isFinite(value)) return dash;
  if (value < 10) return `${value.toFixed(value < 1 ? 2 : 1)} ms`;
  return value < 1000 ? `${Math.round(value)} ms` : duration(value / 1000);
}

/** Seconds, in the largest units. */
export function duration(seconds, parts = 2) {
  if (!Number.isFinite(seconds)) return dash;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const units = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  let rest = Math.round(seconds);
  return units.slice(first, first + parts).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${name}` : "";
  }).filter(Boolean).join(" ");
}

/** A time of the API (text) or milliseconds, as a Date; null when there is none. */
export function date(value) {
  if (value === null || value === undefined) return null;
  const result = new Date(value);
  return Number.isNaN(result.getTime()) ? null : result;
}

/** The time of the day, with the day when it is another one. */
export function time(value) {
  const when = date(value);
  if (!when) return dash;
  const clock = when.toLocaleTimeString("en-GB");
  return when.toDateString() === new Date().toDateString() ? clock : `${when.toLocaleDateString("sv")} ${clock}`;
}

export function ago(value) {
  const when = date(value);
  if (!when) return dash;
  const seconds = Math.max(0, (Date.now() - when) / 1000);
  return seconds < 5 ? "just now" : `${duration(seconds, 1)} ago`;
}

/** Close codes of the protocol, in words. */
export const closeNames = {
  1000: "normal", 1001: "going away", 1002: "protocol error", 1005: "no status", 1006: "lost", 1007: "invalid text",
  1009: "message too big", 4001: "unauthenticated", 4002: "forbidden", 4003: "replaced", 4004: "closed by operator",
  4006: "malformed message", 4100: "overloaded", 4101: "slow consumer", 4102: "too many messages", 4105: "token expired",
  4200: "node draining", 4201: "rebalanced", 4202: "no pong",
};

export function closeText(code, reason) {
  if (!code) return dash;
  const name = closeNames[code];
  return [String(code), reason || name].filter(Boolean).join(" ");
}
