// The start: unpack what the first view needs, and follow the address.

function readEvents({ columns, words: known }) {
  return toRows(columns).map((row) => {
    const event = {
      ...row,
      reasons: row.reasons.map(([word, slot]) => [known.reasons[word], slot]),
      warnings: row.warnings.map((word) => known.warnings[word]),
      n_warnings: row.warnings.length,
    };
    row.hours.forEach((hours, place) => { event[`hours${place}`] = hours; });
    return event;
  });
}

function prepare(run, event) {
  event.eventCloud = event.cloud[run.phases.indexOf("event")] ?? null;
  event.searched = [event.event_id, event.status, event.why,
    ...event.reasons.flatMap(([word]) => [word, words(word)]),
    ...event.warnings.flatMap((word) => [word, words(word)])].join(" ").toLowerCase();
  return event;
}

function followAddress(view, table) {
  const [, id] = /^#event=(.*)$/.exec(location.hash) ?? [];
  hideTooltip();
  let name = null;
  try {
    name = id == null ? null : decodeURIComponent(id);
  } catch {
    name = id;
  }
  return view.open(name, table.shown);
}

function watchTheme() {
  const root = document.documentElement;
  find("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
}

async function start() {
  const [run, packed, world] = await Promise.all([unpack("run"), unpack("events"), unpack("world")]);
  const events = readEvents(packed).map((event) => prepare(run, event));
  showAbout(run);
  showTiles(run, events);
  showCost(run);
  showOrigin(run);
  const map = new WorldMap(world, (id) => { location.hash = `event=${encodeURIComponent(id)}`; });
  const table = new EventTable(run, events, (shown) => {
    map.show(shown);
    showCharts(run, shown, ({ word }) => table.pickReason(word));
    showFilled(run, shown);
  });
  await table.ready;
  const view = new EventView(run, events);
  watchTheme();
  addEventListener("hashchange", () => followAddress(view, table));
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? table.print() : table.unprint()));
  await followAddress(view, table);
  document.documentElement.dataset.ready = "yes";
}

start();
