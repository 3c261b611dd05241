// Charts of the last minutes, by Chart.js; without it the page says so and shows numbers alone.

import { h, replace, setText } from "./dom.js";
import { library } from "./library.js";

const points = 300;

function colour(index) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--series-${index + 1}`).trim();
}

/** A card with lines over time. series: [{ name, format }]; whole: of things that have no halves. */
export class LiveChart {
  #title;
  #series;
  #times = [];
  #values;
  #chart = null;
  #canvas = h("canvas", { role: "img" });
  #legend = h("div", { class: "row small" });
  #drawn = 0;
  #keys;
  #whole;

  constructor(title, series, { id, whole = false } = {}) {
    this.#title = title;
    this.#whole = whole;
    this.#series = series;
    this.#values = series.map(() => []);
    this.place = h("div", { class: "chart" }, this.#canvas);
    this.element = h("section", { class: "card", id, "aria-label": title }, h("header", {}, h("h2", {}, title), this.#legend), this.place);
    this.#keys = series.map((each, index) => {
      const value = h("strong", { class: "number" }, "–");
      this.#legend.append(h("span", { class: "row small", style: `gap:4px;color:var(--series-${index + 1})` },
        h("span", {}, each.name), value));
      return value;
    });
    addEventListener("switchboard:theme", () => this.#paint());
  }

  /** values: one for each series, null where nothing is known. */
  push(at, values) {
    this.#times.push(at);
    values.forEach((value, index) => {
      this.#values[index].push(Number.isFinite(value) ? value : null);
      setText(this.#keys[index], this.#series[index].format(value));
    });
    if (this.#times.length > points) {
      this.#times.splice(0, this.#times.length - points);
      for (const each of this.#values) each.splice(0, each.length - points);
    }
    // Nobody looks at a hidden page, and a chart costs more than its numbers.
    if (this.#chart && !document.hidden && at - this.#drawn >= 900) {
      this.#drawn = at;
      this.#chart.data.labels = this.#times;
      this.#canvas.setAttribute("aria-label", `${this.#title}: ${this.#series.map((each, index) => `${each.name} ${each.format(values[index])}`).join(", ")}`);
      this.#chart.update("none");
    }
  }

  /** Begins to draw. */
  draw(Chart) {
    const datasets = this.#series.map((each, index) => ({
      label: each.name, data: this.#values[index], borderWidth: 1.6, pointRadius: 0, pointHitRadius: 8, tension: 0.25, spanGaps: false,
    }));
    const { format } = this.#series[0];
    this.#chart = new Chart(this.#canvas, {
      type: "line", data: { labels: this.#times, datasets },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { display: false },
          tooltip: { callbacks: {
            title: (items) => new Date(Number(this.#times[items[0].dataIndex])).toLocaleTimeString("en-GB"),
            label: (item) => `${item.dataset.label}: ${this.#series[item.datasetIndex].format(item.parsed.y)}`,
          } },
        },
        scales: {
          x: { grid: { display: false, drawBorder: false }, ticks: { maxTicksLimit: 5, maxRotation: 0, callback: (value) => {
            const at = this.#times[value];
            return at ? new Date(at).toLocaleTimeString("en-GB") : "";
          } } },
          y: { beginAtZero: true, suggestedMax: 1, ticks: { maxTicksLimit: 5, precision: this.#whole ? 0 : undefined, callback: format } },
        },
      },
    });
    this.#paint();
  }

  #paint() {
    if (!this.#chart) return;
    const style = getComputedStyle(document.documentElement);
    const [line, text] = ["--line", "--muted"].map((name) => style.getPropertyValue(name).trim());
    this.#chart.data.datasets.forEach((each, index) => { each.borderColor = each.backgroundColor = colour(index); });
    const { x, y } = this.#chart.options.scales;
    x.ticks.color = y.ticks.color = text;
    y.grid = { color: line, drawBorder: false, drawTicks: false };
    this.#chart.update("none");
  }
}

/** Lets charts draw as soon as the page has been painted and the library is there; `place` says when it is missing. */
export function drawAfterPaint(charts, place) {
  requestAnimationFrame(() => setTimeout(async () => {
    try {
      const Chart = await library("chart.js", "Chart");
      for (const chart of charts) chart.draw(Chart);
    } catch (error) {
      for (const chart of charts) chart.place.hidden = true;
      replace(place, h("p", { class: "notice amber", id: "charts-missing" }, `Charts are not shown: ${error.message}.`));
    }
  }));
}
