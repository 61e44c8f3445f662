// The world map: a mark for each event, by its status. Few paths hold all marks, so that
// thousands of events are as quick as ten.

const WORLD = { width: 960, height: 470 };
const NEAREST_PIXELS = 14;
// marks differ in shape, not in colour alone; drawn around a point
const MARKS = { complete: "h0", partial: "m-3,2.5l3,-5.5l3,5.5z", failed: "m-3,-3l6,6m-6,0l6,-6" };

class WorldMap {
  #projection = d3.geoNaturalEarth1().fitExtent(
    [[4, 4], [WORLD.width - 4, WORLD.height - 4]], { type: "Sphere" });
  #view = { x: 0, y: 0, width: WORLD.width };
  #points = [];
  #svg;
  #marks;

  constructor(topology, onopen) {
    const path = d3.geoPath(this.#projection).digits(1);
    const lines = (name) => path(topojson.feature(topology, topology.objects[name]));
    this.#marks = s("g");
    this.#svg = svgRoot(WORLD.width, WORLD.height, "Map of the events",
      s("path", { class: "sea", d: path({ type: "Sphere" }) }),
      s("path", { class: "graticule", d: path(d3.geoGraticule10()) }),
      s("path", { class: "border", d: lines("border") }),
      s("path", { class: "coast", d: lines("coast") }), this.#marks);
    this.#listen(onopen);
    const zoom = (label, text, act) =>
      h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    const keys = Object.keys(MARKS).map((status) => h("span", { class: "key" },
      s("svg", { viewBox: "-6 -6 12 12", class: "mark-key", "aria-hidden": "true" },
        s("path", { class: `mark ${status}`, d: `M0,0${MARKS[status]}` })), status));
    find("world").replaceChildren(
      h("div", { class: "map" }, this.#svg, h("div", { class: "zoom" },
        zoom("Zoom in", "+", () => this.#zoom(0.6)), zoom("Zoom out", "−", () => this.#zoom(1 / 0.6)),
        zoom("Zoom to the events", "fit", () => this.#fit()),
        zoom("Whole world", "all", () => this.#look(0, 0, WORLD.width)))),
      h("p", { class: "legend" }, keys), h("p", { class: "quiet", id: "unplaced" }));
  }

  /** Draw the events, all or filtered ones. */
  show(events) {
    this.#points = events.filter((event) => event.lon != null)
      .map((event) => ({ event, at: this.#projection([event.lon, event.lat]) }));
    this.#draw();
    const lost = events.length - this.#points.length;
    find("unplaced").textContent = lost
      ? `${plural(lost, "event")} without a manifest ${lost === 1 ? "is" : "are"} not on the map.` : "";
  }

  #draw() {
    const scale = this.#view.width / WORLD.width / Math.max(0.55, Math.min(1, this.#svg.clientWidth / WORLD.width || 1));
    const moved = (shape) => shape.replace(/-?\d+(\.\d+)?/g, (number) => +(number * scale).toFixed(2));
    const paths = Object.entries(MARKS).map(([status, shape]) => s("path", {
      class: `mark ${status}`,
      d: this.#points.filter(({ event }) => event.status === status)
        .map(({ at: [x, y] }) => `M${x.toFixed(1)},${y.toFixed(1)}${moved(shape)}`).join(""),
    }));
    this.#marks.replaceChildren(...paths);
  }

  #look(x, y, width) {
    const kept = Math.min(Math.max(width, 20), WORLD.width);
    const height = (kept * WORLD.height) / WORLD.width;
    this.#view = { x: Math.min(Math.max(x, 0), WORLD.width - kept),
      y: Math.min(Math.max(y, 0), WORLD.height - height), width: kept };
    this.#svg.setAttribute("viewBox", `${this.#view.x} ${this.#view.y} ${kept} ${height}`);
    this.#draw();
  }

  #zoom(factor, at = null) {
    const { x, y, width } = this.#view;
    const height = (width * WORLD.height) / WORLD.width;
    const [u, v] = at ?? [x + width / 2, y + height / 2];
    this.#look(u - (u - x) * factor, v - (v - y) * factor, width * factor);
  }

  #fit() {
    if (!this.#points.length) return;
    const [xs, ys] = [0, 1].map((axis) => d3.extent(this.#points, ({ at }) => at[axis]));
    const width = 1.2 * Math.max(xs[1] - xs[0], ((ys[1] - ys[0]) * WORLD.width) / WORLD.height, 30);
    const height = (width * WORLD.height) / WORLD.width;
    this.#look((xs[0] + xs[1] - width) / 2, (ys[0] + ys[1] - height) / 2, width);
  }

  #place(pointer) {
    const box = this.#svg.getBoundingClientRect();
    const scale = this.#view.width / box.width;
    return [this.#view.x + (pointer.clientX - box.left) * scale,
      this.#view.y + (pointer.clientY - box.top) * scale, scale];
  }

  #nearest(pointer) {
    const [u, v, scale] = this.#place(pointer);
    const distance = ({ at: [x, y] }) => Math.hypot(x - u, y - v);
    const found = d3.least(this.#points, distance);
    return found && distance(found) < NEAREST_PIXELS * scale ? found.event : null;
  }

  #listen(onopen) {
    let grip = null;
    let dragged = false;
    this.#svg.addEventListener("pointerdown", (event) => {
      grip = this.#place(event);
      dragged = false;
    });
    addEventListener("pointerup", () => { grip = null; });
    this.#svg.addEventListener("pointermove", (event) => {
      if (grip && event.buttons) {
        const [u, v] = this.#place(event);
        if (Math.hypot(u - grip[0], v - grip[1]) > this.#view.width / 200) dragged = true;
        if (dragged) this.#look(this.#view.x + grip[0] - u, this.#view.y + grip[1] - v, this.#view.width);
        return;
      }
      const near = this.#nearest(event);
      this.#svg.classList.toggle("hit", near != null);
      if (near) showTooltip(event.clientX, event.clientY, near.event_id, eventPairs(near));
      else hideTooltip();
    });
    this.#svg.addEventListener("pointerleave", hideTooltip);
    this.#svg.addEventListener("click", (event) => {
      const near = dragged ? null : this.#nearest(event);
      if (near) onopen(near.event_id);
    });
    this.#svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // without the key, the page scrolls
      event.preventDefault();
      this.#zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#place(event));
    }, { passive: false });
  }
}

const eventPairs = (event) => [
  ["status", event.status],
  ["onset", dayText(event.onset == null ? null : event.onset * 60)],
  ["slots", `${event.n_filled} of ${event.n_slots}`],
  ["joint coverage", percent(event.covered)],
  ["SAR grade", event.grade],
  ["warnings", event.warnings.length],
];
