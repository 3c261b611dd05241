// Runs before the first paint, so that a dark page does not flash white.
(() => {
  const chosen = localStorage.getItem("switchboard.theme");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen ?? (dark ? "dark" : "light");
})();
