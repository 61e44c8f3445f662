// The timeline: every candidate of each slot against the windows, the phase's date and the onset.

const BAND = 54;
const NEAR_PIXELS = 7;
const MOST_NAMES = 4;
const PAD = { left: 96, right: 12, top: 26, bottom: 26 };
const DAY_STEPS = [1, 2, 5, 10, 20, 30, 60, 120, 365];

function timeline(run, event, width) {
  const bands = run.slots.map((slot, number) => ({ slot, number })).filter(({ slot }) => slot[0]);
  const pad = width < 560 ? { ...PAD, left: 8 } : PAD;
  const height = pad.top + bands.length * BAND + pad.bottom;
  const rows = event.rows.filter((row) => row.target === "aoi" && run.slots[row.slot][0]);
  const [first, last] = timeSpan(run, event, rows);
  const x = (seconds) => pad.left + ((seconds - first) / (last - first)) * (width - pad.left - pad.right);
  const frame = { width, height, pad, x, first, last };
  const svg = svgRoot(width, height, `Timeline of ${event.id}: ${plural(rows.length, "candidate")}`);
  svg.setAttribute("role", "group");
  svg.append(...dayTicks(frame), ...bands.map(({ slot, number }, place) => {
    const own = rows.filter((row) => row.slot === number && row.scene.seconds != null);
    return band(run, event, frame, { slot, top: pad.top + place * BAND, own });
  }), ...momentLines(event, frame));
  const timeless = rows.filter((row) => row.scene.seconds == null).length;
  return h("div", { class: "timeline" }, svg, markLegend(rows),
    h("p", { class: "quiet" }, "Height in a band: share of the area that a candidate covers. Pale: the window; dashed: the widest window of the ladder; line: the phase's date. ",
      timeless > 0 && `${plural(timeless, "candidate")} without a time ${timeless === 1 ? "is" : "are"} not drawn. `,
      "The arrow keys go from candidate to candidate of a band."));
}

function timeSpan(run, event, rows) {
  const days = event.days.map(daySeconds);
  const windows = run.slots.filter(([phase]) => phase).flatMap(([phase, sensor]) => {
    const reach = (run.windows[sensor][1] ?? 0) * DAY_SECONDS;
    const day = days[run.phases.indexOf(phase)];
    return [day - reach, day + reach + DAY_SECONDS];
  });
  const times = [...windows, event.onset * 60, event.peak && event.peak * 60, event.end && event.end * 60,
    ...rows.map((row) => row.scene.seconds)].filter((time) => time != null);
  const [first, last] = d3.extent(times);
  return [first - DAY_SECONDS, last + DAY_SECONDS];
}

function dayTicks({ width, height, pad, x, first, last }) {
  const most = Math.max(2, (width - pad.left) / 90);
  const step = DAY_STEPS.find((days) => (last - first) / DAY_SECONDS / days <= most) ?? 730;
  const start = Math.ceil(first / DAY_SECONDS / step) * step;
  return d3.range(start, last / DAY_SECONDS, step).map((day) => {
    const at = x(day * DAY_SECONDS);
    return [s("line", { class: "grid", x1: at, x2: at, y1: pad.top, y2: height - pad.bottom }),
      s("text", { x: at, y: height - pad.bottom + 16, "text-anchor": at > width - 40 ? "end" : "middle" },
        dayText(day * DAY_SECONDS))];
  }).flat();
}

function momentLines(event, { height, pad, x, width }) {
  const line = (minutes, name, kind) => {
    if (minutes == null) return [];
    const at = x(minutes * 60);
    const side = at > width / 2 ? "end" : "start";
    return [s("line", { class: kind, x1: at, x2: at, y1: pad.top - 4, y2: height - pad.bottom }),
      s("text", { class: "moment", x: side === "end" ? at + 3 : at - 3, y: kind === "onset" ? 10 : 21, "text-anchor": side },
        `${name} ${momentText(minutes * 60)}`)];
  };
  return [...line(event.onset, event.assumed && width > 560 ? "onset (hour assumed)" : "onset", "onset"),
    ...line(event.peak, "peak", "peak"), ...line(event.end, "end", "peak")];
}

function band(run, event, frame, { slot, top, own }) {
  const [phase, sensor] = slot;
  const day = daySeconds(event.days[run.phases.indexOf(phase)]);
  const [asked, widest] = run.windows[sensor];
  const { x, pad, width } = frame;
  const window = (days, kind) => {
    const start = days == null ? pad.left : x(day - days * DAY_SECONDS);
    const end = days == null ? width - pad.right : x(day + (days + 1) * DAY_SECONDS);
    return s("rect", { class: `${kind} ${sensor}`, x: start, width: Math.max(end - start, 1), y: top + 1, height: BAND - 2 });
  };
  const noon = x(day + DAY_SECONDS / 2);
  const y = (overlap) => top + BAND - 9 - overlap * (BAND - 20);
  const label = pad.left > 50
    ? [s("text", { class: "slot", x: 6, y: top + 22 }, phase), s("text", { class: `slot-sensor ${sensor}`, x: 6, y: top + 38 }, sensor)]
    : [s("text", { class: "slot halo", x: pad.left + 2, y: top + 11 }, slotName(slot))];
  const group = s("g", { class: "band", tabindex: 0, role: "group",
    "aria-label": `${slotName(slot)}: ${plural(own.length, "candidate")}` },
  s("rect", { class: "ground", x: pad.left, y: top, width: width - pad.left - pad.right, height: BAND }),
  window(asked, "window"), widest !== asked && window(widest, "widest"),
  s("line", { class: `date ${sensor}`, x1: noon, x2: noon, y1: top, y2: top + BAND }), label);
  const marks = drawMarks(group, own, x, y);
  listenToBand(group, marks, (row) => [sceneLabel(row.scene), candidatePairs(run, event, row)]);
  return group;
}

function drawMarks(group, own, x, y) {
  const order = (row) => -VERDICT_MARKS.indexOf(markOf(row.verdict));
  const marks = [...own].sort((one, other) => order(one) - order(other)).map((row) => {
    const [u, v] = [x(row.scene.seconds), y(row.scene.overlap)];
    return { row, u, v, path: markPath(row.verdict, u, v) };
  });
  group.append(...marks.map(({ path }) => path));
  return marks.sort((one, other) => one.row.scene.seconds - other.row.scene.seconds);
}

/** Show the candidates below the pointer, or the next one at an arrow key. */
function listenToBand(group, marks, describe) {
  let focused = -1;
  const show = (mark, others = []) => {
    const { x, y, width, height } = mark.path.getBoundingClientRect();
    const [title, pairs] = describe(mark.row);
    showTooltip(x + width / 2, y + height / 2, title, [...pairs, ["also here", otherNames(others)]]);
    marks.forEach(({ path }) => path.classList.toggle("focused", path === mark.path));
  };
  const leave = () => {
    marks.forEach((mark) => mark.path.classList.remove("focused"));
    hideTooltip();
  };
  group.addEventListener("pointermove", (event) => {
    const box = group.ownerSVGElement.getBoundingClientRect();
    const distance = ({ u, v }) => Math.hypot(u - event.clientX + box.left, v - event.clientY + box.top);
    const near = marks.filter((mark) => distance(mark) < NEAR_PIXELS).sort((one, other) => distance(one) - distance(other));
    if (near.length) show(near[0], near.slice(1));
    else leave();
  });
  group.addEventListener("pointerleave", leave);
  group.addEventListener("blur", leave);
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step || !marks.length) return;
    event.preventDefault();
    focused = (focused + step + marks.length + (focused < 0 && step < 0 ? 1 : 0)) % marks.length;
    show(marks[focused]);
  });
}

function otherNames(marks) {
  if (!marks.length) return null;
  const more = marks.length - MOST_NAMES;
  return [...marks.slice(0, MOST_NAMES).map(({ row }) => `${sceneLabel(row.scene)} (${words(row.verdict)})`),
    ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
