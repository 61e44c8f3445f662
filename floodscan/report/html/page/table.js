// The table of events, and the filters that the table, the map and the charts share.

const MOST_PRINTED = 500;

class EventTable {
  #events;
  #run;
  #table;
  #chosen = { text: "", status: new Set(), reason: "", warning: "" };
  #onchange;

  constructor(run, events, onchange) {
    this.#events = events;
    this.#run = run;
    this.#onchange = onchange;
    this.#showFilters();
    this.ready = this.#showTable();
  }

  /** The events that the filters let through. */
  get shown() {
    return this.#events.filter((event) => this.#passes(event));
  }

  /** Show only the events with this reason; chosen again, show all. */
  pickReason(word) {
    const field = find("filter-reason");
    field.value = field.value === word ? "" : word;
    this.#read();
  }

  #passes(event) {
    const { text, status, reason, warning } = this.#chosen;
    return (!status.size || status.has(event.status))
      && (!reason || countReasons(this.#run, [event]).some(({ word }) => word === reason))
      && (!warning || event.warnings.includes(warning))
      && text.toLowerCase().split(/\s+/).every((part) => event.searched.includes(part));
  }

  #showFilters() {
    const read = () => this.#read();
    const select = (id, label, found) => h("label", null, label, h("select", { id, onchange: read },
      h("option", { value: "" }, "all"),
      found.map(({ word, name, count: n }) => h("option", { value: word }, `${name} (${count(n)})`))));
    const box = (status) => h("label", { class: `chip ${status}` },
      h("input", { type: "checkbox", name: "status", value: status, onchange: read }), status);
    find("filters").replaceChildren(
      h("label", { class: "search" }, "Search", h("input", { id: "search", type: "search",
        placeholder: "id, reason or warning", autocomplete: "off", oninput: read })),
      h("fieldset", null, h("legend", null, "Status"), STATUSES.map(box)),
      select("filter-reason", "Empty slot", countReasons(this.#run, this.#events)),
      select("filter-warning", "Warning", countWords(this.#events.flatMap((event) => event.warnings))),
      h("button", { type: "reset" }, "All events"));
    find("filters").addEventListener("submit", (event) => event.preventDefault());
    find("filters").addEventListener("reset", () => setTimeout(read));
  }

  #read() {
    this.#chosen = {
      text: find("search").value.trim(),
      status: new Set([...find("filters").querySelectorAll("[name=status]:checked")].map((box) => box.value)),
      reason: find("filter-reason").value,
      warning: find("filter-warning").value,
    };
    this.#table.setFilter((event) => this.#passes(event));
    this.#tell();
  }

  #tell() {
    const { shown } = this;
    find("shown").textContent = shown.length === this.#events.length
      ? `all ${plural(shown.length, "event")}`
      : `${count(shown.length)} of ${plural(this.#events.length, "event")}`;
    this.#onchange(shown);
  }

  #showTable() {
    const rows = this.#events.length;
    this.#table = new Tabulator("#table", {
      data: this.#events,
      index: "event_id",
      height: rows > 12 ? "430px" : false,
      layout: "fitDataFill",
      columns: this.#columns(),
      initialSort: [{ column: "event_id", dir: "asc" }],
      placeholder: "no event passes the filters",
      debugInvalidOptions: true,
    });
    return new Promise((resolve) => {
      this.#table.on("tableBuilt", () => {
        this.#makeHeadersKeys();
        this.#tell();
        resolve();
      });
    });
  }

  #columns() {
    const imagery = [...new Set(this.#run.slots.filter(([phase]) => phase).map(([, sensor]) => sensor))];
    const number = (title, field, text, more) => ({ title, field, hozAlign: "right", headerHozAlign: "right",
      sorter: "number", sorterParams: { alignEmptyValues: "bottom" },
      formatter: (cell) => document.createTextNode(cellText(text ?? count, cell.getValue())), ...more });
    return [
      { title: "event", field: "event_id", formatter: (cell) => eventLink(cell.getValue()), frozen: innerWidth > 700,
        sorter: (one, other) => one.localeCompare(other, "en", { numeric: true }) },
      { title: "status", field: "status", formatter: (cell) => statusMark(cell.getValue()),
        sorter: (one, other) => STATUSES.indexOf(one) - STATUSES.indexOf(other) },
      number("onset", "onset", (minutes) => dayText(minutes * 60)),
      number("filled", "n_filled"),
      number("of", "n_slots"),
      number("coverage", "covered", percent),
      ...imagery.map((sensor, place) => number(`${sensor} after onset`, `hours${place}`, hoursText)),
      number("cloud %", "eventCloud", (value) => value.toFixed(1)),
      { title: "grade", field: "grade", hozAlign: "center", sorterParams: { alignEmptyValues: "bottom" },
        formatter: (cell) => document.createTextNode(cell.getValue() ?? "–") },
      number("warnings", "n_warnings"),
      number("candidates", "n_candidates"),
      number("requests", "n_requests"),
      number("seconds", "seconds", (value) => value.toFixed(2)),
    ];
  }

  /** Let the keyboard sort: the library listens to the mouse alone. */
  #makeHeadersKeys() {
    for (const column of this.#table.getColumns()) {
      const element = column.getElement();
      element.tabIndex = 0;
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        const [sorted] = this.#table.getSorters();
        const again = sorted?.field === column.getField() && sorted.dir === "asc";
        this.#table.setSort(column.getField(), again ? "desc" : "asc");
      });
    }
  }

  /** Print the rows as a plain table: the other one holds only the rows in view. */
  print() {
    const rows = this.#table.getData("active");
    const header = ["event", "status", "onset", "filled", "coverage", "grade", "warnings"];
    const cells = rows.slice(0, MOST_PRINTED).map((event) => [event.event_id, event.status,
      dayText(event.onset == null ? null : event.onset * 60), `${event.n_filled} of ${event.n_slots}`,
      percent(event.covered), event.grade, event.warnings.length]);
    const caption = rows.length > MOST_PRINTED
      ? `the first ${MOST_PRINTED} of ${count(rows.length)} events` : null;
    find("print-table").replaceChildren(plainTable(header, cells, { numbers: new Set([3, 4, 6]), caption }));
  }

  unprint() {
    find("print-table").replaceChildren();
  }
}

const cellText = (text, value) => (value == null ? "–" : text(value));
const eventLink = (id) => h("a", { href: `#event=${encodeURIComponent(id)}` }, id);
const statusMark = (status) => h("span", { class: `status ${status}` }, status);
