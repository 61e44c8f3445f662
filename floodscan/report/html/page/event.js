// One event, drawn when it is opened.

const WIDE_FACTS = new Set(["onset", "SAR grade", "decision", "manifest"]);

class EventView {
  #run;
  #events;
  #blocks = new Blocks();
  #drawn = null;

  constructor(run, events) {
    this.#run = run;
    this.#events = events;
    new ResizeObserver(() => this.#redraw()).observe(find("event"));
  }

  /** Open an event by its id; without one, or with an unknown one, close the view. */
  async open(id, neighbours) {
    const row = this.#events.find((event) => event.event_id === id);
    const section = find("event");
    section.hidden = id == null;
    this.#drawn = null;
    section.replaceChildren();
    if (id == null) return;
    if (!row) {
      section.append(h("p", { class: "notice" }, `This run has no event ${id}.`), closeLink());
      return;
    }
    const detail = row.place && openPlace(await this.#blocks.get(`block${row.place[0]}`), row.place[1]);
    const near = detail && await this.#blocks.get("near");
    section.replaceChildren(...this.#head(row, detail, neighbours), ...(detail ? this.#body(detail, near) : []));
    section.focus({ preventScroll: true });
    section.scrollIntoView({ block: "start" });
  }

  #head(row, detail, neighbours) {
    const place = neighbours.findIndex((event) => event.event_id === row.event_id);
    const step = (by, text) => {
      const to = place < 0 ? null : neighbours[place + by];
      return to && h("a", { href: `#event=${encodeURIComponent(to.event_id)}`, title: to.event_id }, text);
    };
    return [
      h("nav", { "aria-label": "Events" }, step(-1, "← previous"), step(1, "next →"), closeLink()),
      h("h2", null, row.event_id, " ", statusMark(row.status)),
      h("dl", { class: "facts" }, this.#facts(row, detail).filter(([, value]) => value != null && value !== "")
        .map(([name, value]) => h("div", { class: WIDE_FACTS.has(name) ? "wide" : null }, h("dt", null, name), h("dd", null, value)))),
      row.why && h("p", { class: "notice" }, row.why),
      !detail && !row.why && h("p", { class: "notice" },
        "This event is not drawn here, because the page would be too large. ", h("code", null, `floodscan plot RUN ${row.event_id}`), " draws it."),
    ].filter(Boolean);
  }

  #facts(row, detail) {
    const manifest = this.#run.manifests == null ? h("code", null, `floodscan manifest RUN ${row.event_id}`)
      : h("a", { href: `${this.#run.manifests}/${encodeURIComponent(row.event_id)}.json` }, `${row.event_id}.json`);
    return [
      ["slots", `${row.n_filled} of ${row.n_slots} filled`],
      ["joint coverage", percent(row.joint)],
      ["of filled slots", row.joint == null ? percent(row.covered) : null],
      ["onset", detail && momentText(detail.onset * 60) + (detail.assumed ? " (hour assumed)" : "")],
      ["peak", detail?.peak && momentText(detail.peak * 60)],
      ["end", detail?.end && momentText(detail.end * 60)],
      ["place", row.lat == null ? null : `${Math.abs(row.lat)}° ${row.lat < 0 ? "S" : "N"}, ${Math.abs(row.lon)}° ${row.lon < 0 ? "W" : "E"}`],
      ["grid", detail?.crs],
      ["SAR grade", row.grade && [row.grade, detail?.grade_reason].filter(Boolean).join(": ")],
      ["candidates", count(row.n_candidates)],
      ["requests", `${count(row.n_requests)} in ${duration(row.seconds)}`],
      ["decision", detail?.decision && decisionText(detail.decision)],
      ["manifest", row.why ? null : manifest],
    ];
  }

  #body(detail, near) {
    const line = h("div", { id: "timeline" });
    this.#drawn = { detail, line, width: 0 };
    requestAnimationFrame(() => this.#redraw());
    const table = h("div", { class: "scroll choices" }, choiceTable(this.#run, detail, "aoi"));
    const targets = ["aoi", ...detail.tiles.map(([id]) => id)];
    const pick = targets.length > 1 && h("label", null, "Target ", h("select", { id: "target",
      onchange: ({ target }) => table.replaceChildren(choiceTable(this.#run, detail, target.value)) },
    targets.map((id) => h("option", { value: id }, id))));
    return [
      h("h3", null, "Timeline"), line,
      h("h3", null, "Map"), eventMaps(this.#run, detail, near), mapLegend(detail),
      h("h3", null, "Choices"), pick, table,
      !this.#run.all_ids && h("p", { class: "quiet" }, "Of this many candidates, only chosen scenes and runners-up have their ids here; ",
        h("code", null, `floodscan explain RUN ${detail.id}`), " lists all."),
      h("h3", null, "Warnings"), warningList(detail),
    ].filter(Boolean);
  }

  #redraw() {
    const width = Math.floor(this.#drawn?.line.clientWidth ?? 0);
    if (!width || width === this.#drawn.width) return;
    this.#drawn.width = width;
    this.#drawn.line.replaceChildren(timeline(this.#run, this.#drawn.detail, width));
  }
}

const closeLink = () => h("a", { href: "#events", class: "close" }, "close ×");

const mapLegend = (event) => h("p", { class: "legend" },
  h("span", { class: "key area-key" }, "study area"), event.tiles.length > 0 && h("span", { class: "key tile-key" }, "tiles"),
  h("span", { class: "key coast-key" }, "coasts and borders"));

function warningList(event) {
  if (!event.warnings.length) return h("p", { class: "quiet" }, "none");
  const place = (target, phase, sensor) => [target === "aoi" ? null : target, phase, sensor].filter(Boolean).join(" ");
  return h("div", { class: "scroll" }, plainTable(["warning", "slot", "text"],
    event.warnings.map(([code, target, phase, sensor, text]) => [words(code), place(target, phase, sensor), text])));
}

function decisionText(decision) {
  const what = decision.event_pass == null ? `track ${decision.track}` : `event pass ${decision.event_pass}`;
  return `a person decided for ${what}${decision.kept ? "" : ", which the rules don't admit"}`;
}
