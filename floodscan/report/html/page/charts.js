// Bars: how many events or slots have a value, or are of a kind.

const CHART = { width: 340, height: 170, left: 40, right: 8, top: 10, bottom: 34 };

/** A histogram of numbers. Values beyond the ends count in the first and the last bar. */
function histogram(label, values, { from, to, bars, unit, series = "a" }) {
  const known = values.filter((value) => value != null);
  const last = to - (to - from) / bars / 2;
  const clamp = (value) => Math.min(Math.max(value, from), last);
  const steps = Array.from({ length: bars - 1 }, (_, n) => from + ((n + 1) * (to - from)) / bars);
  const bins = d3.bin().domain([from, to]).thresholds(steps)(known.map(clamp));
  return columnChart(label, bins.map((bin) => ({
    count: bin.length,
    name: `${+bin.x0.toFixed(2)} to ${+bin.x1.toFixed(2)} ${unit}`,
  })), { from, to, unit, series, total: known.length });
}

function columnChart(label, bars, { from, to, unit, series, total }) {
  const { width, height, left, right, top, bottom } = CHART;
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const inner = width - left - right;
  const step = inner / bars.length;
  const y = (number) => height - bottom - (number / most) * (height - top - bottom);
  const x = (value) => left + ((value - from) / (to - from)) * inner;
  const ticks = d3.ticks(from, to, 5);
  const counts = d3.ticks(0, most, 3).filter(Number.isInteger);
  return figure(label, plural(total, "value"), svgRoot(width, height,
    `${label}: ${bars.map((bar) => `${bar.name}: ${bar.count}`).join("; ")}`,
    counts.map((number) => [
      s("line", { class: "grid", x1: left, x2: width - right, y1: y(number), y2: y(number) }),
      s("text", { x: left - 5, y: y(number) + 3.5, "text-anchor": "end" }, count(number)),
    ]),
    bars.map((bar, number) => s("rect", {
      class: `bar ${series}`, x: left + number * step + 0.5, width: Math.max(step - 1, 1),
      y: y(bar.count), height: height - bottom - y(bar.count),
    }, s("title", null, `${bar.name}: ${count(bar.count)}`))),
    s("line", { class: "axis", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom }),
    ticks.map((tick) => s("text", {
      x: x(tick), y: height - bottom + 14,
      "text-anchor": tick === to ? "end" : "middle" }, `${tick}`.replace("-", "−"))),
    s("text", { class: "quiet", x: width - right, y: height - 4, "text-anchor": "end" }, unit)));
}

/** Horizontal bars of named counts; a bar can be a button that filters. */
function barList(label, bars, { onpick, note, series = "a" } = {}) {
  const most = Math.max(1, ...bars.map((bar) => bar.count));
  const row = (bar) => {
    const meter = h("span", { class: `meter ${bar.series ?? series}` });
    meter.style.setProperty("--share", bar.count / most);
    const content = [h("span", { class: "name" }, bar.name), meter,
      h("span", { class: "number" }, count(bar.count))];
    return h("li", null, onpick
      ? h("button", { type: "button", onclick: () => onpick(bar), title: "Show only these events" },
        content)
      : h("div", null, content));
  };
  return figure(label, note, bars.length
    ? h("ul", { class: "bars" }, bars.map(row)) : h("p", { class: "quiet" }, "none"));
}

function figure(label, note, content) {
  return h("figure", { class: "card" }, h("figcaption", null, label), content,
    note && h("p", { class: "quiet" }, note));
}
