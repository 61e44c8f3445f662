// The run as a whole: counts, distributions, filled slots, cost.

const SOURCE = "https://doi.org/10.5194/nhess-22-2473-2022";
const GRADES = ["A", "B", "C", "D"];

function showAbout(run) {
  const when = run.finished ? `finished ${run.finished.slice(0, 16).replace("T", " ")} UTC`
    : "not finished: this shows the events so far";
  find("about").textContent = `policy ${run.policy} · ${when} · floodscan ${run.floodscan}`;
}

function showTiles(run, events) {
  const sum = (name) => events.reduce((total, event) => total + event[name], 0);
  const status = (name) => events.filter((event) => event.status === name).length;
  const tile = (name, value, note, kind) => h("div", { class: `tile ${kind ?? ""}` },
    h("span", { class: "value" }, value), h("span", { class: "name" }, name),
    note && h("span", { class: "quiet" }, note));
  const share = (number) => `${percent(events.length ? number / events.length : 0)} of events`;
  const seconds = run.finished && (Date.parse(run.finished) - Date.parse(run.started)) / 1000;
  find("tiles").replaceChildren(
    tile("events", count(events.length)),
    ...STATUSES.map((name) => tile(name, count(status(name)), share(status(name)), name)),
    tile("slots filled", count(sum("n_filled")), `of ${count(sum("n_slots"))}`),
    tile("candidates", count(sum("n_candidates"))),
    tile("requests", count(sum("n_requests"))),
    tile("run time", seconds == null ? "–" : duration(seconds)));
}

function showCharts(run, events, pickReason) {
  const hours = (sensor) => events.map((event) => event.hours[sensor]);
  const sensors = Object.keys(run.seen).filter((name) => name in run.collections);
  const imagery = [...new Set(run.slots.filter(([phase]) => phase).map(([, sensor]) => sensor))];
  find("charts").replaceChildren(
    barList("Why slots are empty", countReasons(run, events), { onpick: pickReason,
      note: "slots of the study areas, by reason" }),
    histogram("Joint coverage of all filled slots", events.map((event) =>
      event.covered == null ? null : 100 * event.covered), { from: 0, to: 100, bars: 20, unit: "% of the area" }),
    ...imagery.map((sensor, number) => histogram(`Event scene after the onset, ${sensor}`,
      hours(number), { from: -48, to: 264, bars: 26, unit: "hours from onset", series: sensor })),
    sensors.includes("S2L2A") && histogram("Cloud of chosen scenes, S2L2A",
      events.flatMap((event) => event.cloud), { from: 0, to: 100, bars: 20, unit: "% cloud", series: "S2L2A" }),
    sensors.includes("S1RTC") && barList("SAR grade",
      [...GRADES, null].map((grade) => ({ name: grade ?? "no SAR scene",
        count: events.filter((event) => event.grade === grade).length })), { series: "S1RTC",
      note: "how alike the geometry of the SAR phases is" }),
    barList("Warnings", countWords(events.flatMap((event) => event.warnings)), {
      note: "warnings of choices, by code", series: "warn" }));
}

function countReasons(run, events) {
  return countWords(events.flatMap((event) => event.reasons.map(([reason, slot]) =>
    slot == null ? `${reason}, whole event` : `${reason}, ${run.slots[slot][1]}`)));
}

function countWords(found) {
  const counts = new Map();
  for (const word of found) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([one, n], [other, m]) => m - n || one.localeCompare(other))
    .map(([word, number]) => ({ word, name: words(word), count: number }));
}

/** Share of events with a scene, for each phase and sensor, beside what a satellite can see. */
function showFilled(run, events) {
  const share = (slot) => events.filter((event) => event.filled & (1 << slot)).length / events.length;
  const at = (phase, sensor) => run.slots.findIndex(([p, name]) => p === phase && name === sensor);
  const sensors = [...new Set(run.slots.map(([, sensor]) => sensor))];
  const rows = sensors.map((sensor) => [
    h("span", { class: `key ${sensor}` }, sensor),
    ...run.phases.map((phase) => filledCell(at(phase, sensor), share)),
    filledCell(at(null, sensor), share),
    run.seen[sensor] ? `${Math.round(100 * run.seen[sensor])} %` : null]);
  find("filled").replaceChildren(
    plainTable(["sensor", ...run.phases, "no date", "can see a flood"], rows,
      { numbers: new Set(run.phases.concat("", "").map((_, n) => n + 1)) }),
    h("p", { class: "quiet" },
      "Share of the events above with a chosen scene. The last column is the share of European floods ",
      "that the satellites can observe while the flood lasts, revisits and clouds counted: ",
      h("a", { href: SOURCE, rel: "noreferrer" }, "Tarpanelli et al., NHESS 22, 2473, 2022"),
      ". A slot of phase event is filled by a scene in its window, which may be after the water is gone: ",
      "a higher share does not mean that more floods were seen."));
}

function filledCell(slot, share) {
  if (slot < 0) return null;
  const value = share(slot);
  const cell = h("span", { class: "fill" }, percent(Number.isFinite(value) ? value : 0));
  cell.style.setProperty("--share", value);
  return cell;
}

function showCost(run) {
  const rows = run.searches.map((each) => [each.collection, count(each.searches),
    count(each.n_requests), count(each.cached), count(each.n_items), count(each.n_retries),
    count(each.n_bisections), count(each.incomplete), duration(each.seconds)]);
  find("cost").replaceChildren(rows.length ? plainTable(
    ["collection", "searches", "requests", "from cache", "items", "retries", "halved", "incomplete", "search time"],
    rows, { numbers: new Set([1, 2, 3, 4, 5, 6, 7, 8]) })
    : h("p", { class: "quiet" }, "This run chose from the candidates of another run, and did not search."));
}

function showOrigin(run) {
  find("origin").textContent = `Run ${run.run ?? "–"}, catalog ${run.catalog}. ` +
    "Coasts and borders: Natural Earth, public domain.";
  find("libraries").replaceChildren(h("span", null, "This page uses ",
    run.libraries.map((each, number) => [number ? ", " : "",
      h("a", { href: each.url, rel: "noreferrer" }, each.name),
      ` ${each.version} (${each.license})`]), "."));
}
