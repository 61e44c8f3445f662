// The map of an event: a panel for each phase with the chosen footprints, and one for the DEM.

const PANEL = 300;

/** A plane around an event, in which a kilometre is as long in both directions. */
class Plane {
  constructor([west, south, east, north]) {
    const right = west > east ? east + 360 : east;
    this.lon = (west + right) / 2;
    const lat = (south + north) / 2;
    const shrink = Math.max(Math.cos((lat * Math.PI) / 180), 0.1);
    const margin = Math.min(Math.max(0.8 * Math.max(right - west, north - south), 0.3), 3);
    const half = Math.max(((right - west) / 2) * shrink, (north - south) / 2) + margin * 0.6;
    this.scale = PANEL / 2 / half;
    this.shrink = shrink;
    this.lat = lat;
  }

  point(lon, lat) {
    return [PANEL / 2 + (lon - this.lon) * this.shrink * this.scale, PANEL / 2 - (lat - this.lat) * this.scale];
  }

  /** A path through points, longitude and latitude in turn, each as a change from the last. */
  changes(numbers, steps, end) {
    let [u, v] = [0, 0];
    let path = "";
    for (let place = 0; place < numbers.length; place += 2) {
      u += numbers[place];
      v += numbers[place + 1];
      const [x, y] = this.point(u / steps, v / steps);
      path += `${place ? "L" : "M"}${x.toFixed(1)},${y.toFixed(1)}`;
    }
    return path + end;
  }

  box([west, south, east, north]) {
    const turn = 360 * Math.floor((west - this.lon + 180) / 360);
    const right = (west > east ? east + 360 : east) - turn;
    const corners = [[west - turn, south], [right, south], [right, north], [west - turn, north]];
    return `M${corners.map((corner) => this.point(...corner).map((n) => n.toFixed(1))).join("L")}Z`;
  }

  /** The lines of a topology that touch the panel. */
  lines(topology, name) {
    const { coordinates } = topojson.feature(topology, topology.objects[name]).geometry;
    return coordinates.map((line) => this.#line(line)).join("");
  }

  #line(line) {
    const turn = 360 * Math.floor((line[0][0] - this.lon + 180) / 360);
    const points = line.map(([lon, lat]) => this.point(lon - turn, lat));
    const [xs, ys] = [0, 1].map((axis) => d3.extent(points, (point) => point[axis]));
    if (xs[1] < 0 || xs[0] > PANEL || ys[1] < 0 || ys[0] > PANEL) return "";
    return `M${points.map((point) => point.map((n) => n.toFixed(1))).join("L")}`;
  }
}

function eventMaps(run, event, topology) {
  const plane = new Plane(event.bbox);
  const ground = ["border", "coast"].map((name) => [name, plane.lines(topology, name)]);
  const shapes = new Map(event.footprints.map(([scene, rings]) =>
    [scene, rings.map((ring) => plane.changes(ring, run.steps_per_degree, "Z")).join("")]));
  const phases = [...run.phases, ...(run.slots.some(([phase]) => phase == null) ? [null] : [])];
  return h("div", { class: "panels" }, phases.map((phase) => panel(run, event, { plane, ground, shapes, phase })));
}

function panel(run, event, { plane, ground, shapes, phase }) {
  const chosen = event.rows.filter((row) =>
    row.target === "aoi" && row.verdict === "selected" && run.slots[row.slot][0] === phase);
  const area = event.area.map((ring) => plane.changes(ring, run.steps_per_degree, "Z")).join("");
  const title = phase == null ? "DEM" : `${phase} ${event.days[run.phases.indexOf(phase)]}`;
  const svg = svgRoot(PANEL, PANEL, `${title}: ${plural(chosen.length, "chosen scene")}`,
    s("rect", { class: "sea", width: PANEL, height: PANEL }),
    chosen.map((row) => footprint(run, event, row, shapes.get(row.sceneNumber))),
    ground.map(([name, d]) => s("path", { class: name, d })),
    event.tiles.map(([, box]) => s("path", { class: "tile-edge", d: plane.box(box) })),
    s("path", { class: "area-halo", d: area }), s("path", { class: "area", d: area }));
  const sensors = [...new Set(run.slots.filter(([p]) => p === phase).map(([, sensor]) => sensor))];
  const number = (sensor) => chosen.filter((row) => run.slots[row.slot][1] === sensor).length;
  return h("figure", { class: "panel" }, h("figcaption", null, h("strong", null, phase ?? "DEM"), phase && [" ", h("span", { class: "quiet" }, event.days[run.phases.indexOf(phase)])]), svg,
    h("p", { class: "legend" }, sensors.map((sensor) =>
      h("span", { class: `key ${sensor}` }, `${sensor}: ${number(sensor) ? plural(number(sensor), "scene") : "no scene"}`))));
}

function footprint(run, event, row, d) {
  const path = s("path", { class: `footprint ${run.slots[row.slot][1]}`, d: d ?? "" });
  path.addEventListener("pointermove", ({ clientX, clientY }) =>
    showTooltip(clientX, clientY, sceneLabel(row.scene), candidatePairs(run, event, row)));
  path.addEventListener("pointerleave", hideTooltip);
  return path;
}
