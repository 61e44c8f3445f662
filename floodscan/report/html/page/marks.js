// The marks of candidates, by verdict: each differs in shape, not in colour alone.

const SHAPES = {
  dot: "M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0",
  diamond: "M0,-4l4,4l-4,4l-4,-4z",
  bar: "M-4,0h8",
  cross: "M-3,-3l6,6m-6,0l6,-6",
  wedge: "M-4,-3h8l-4,7z",
  square: "M-3.2,-3.2h6.4v6.4h-6.4z",
};

const VERDICT_MARKS = [
  [["selected"], "dot", "chosen"],
  [["eligible"], "dot", "eligible"],
  [["too_cloudy", "outside_window"], "dot", "hollow"],
  [["other_track", "decided_otherwise", "out_of_order", "used_in_other_phase", "redundant", "superseded"], "diamond", "other"],
  [["wrong_side_of_onset"], "bar", "side"],
  [["missing_assets"], "wedge", "assets"],
  [["missing_polarizations"], "square", "polarizations"],
  [["no_overlap", "covers_too_little"], "cross", "little"],
  [["incomplete_answer", "not_covered", "no_time"], "diamond", "unknown"],
];

const markOf = (verdict) =>
  VERDICT_MARKS.find(([verdicts]) => verdicts.includes(verdict)) ?? VERDICT_MARKS[2];

function markPath(verdict, x = 0, y = 0) {
  const [, shape, kind] = markOf(verdict);
  return s("path", { class: `candidate ${kind}`, d: SHAPES[shape], transform: `translate(${x.toFixed(1)},${y.toFixed(1)})` });
}

/** The verdicts that occur, with their marks and how often. */
function markLegend(rows) {
  const counts = countWords(rows.map((row) => row.verdict));
  const order = (verdict) => VERDICT_MARKS.indexOf(markOf(verdict));
  counts.sort((one, other) => order(one.word) - order(other.word));
  return h("p", { class: "legend" }, counts.map(({ word, name, count: n }) => h("span", { class: "key" },
    s("svg", { viewBox: "-6 -6 12 12", class: "mark-key", "aria-hidden": "true" }, markPath(word)), `${name} (${count(n)})`)));
}

/** All that the report knows of a candidate. */
function candidatePairs(run, event, row) {
  const { scene } = row;
  const [phase] = run.slots[row.slot];
  const day = phase && daySeconds(event.days[run.phases.indexOf(phase)]);
  const known = scene.seconds != null && phase != null;
  return [
    ["slot", slotName(run.slots[row.slot])],
    ["verdict", words(row.verdict) + (row.rank ? `, rank ${row.rank}` : "")],
    ["time", momentText(scene.seconds) ?? "unknown"],
    ["from the phase's date", known ? `${signed(dayNumber(scene.seconds) - dayNumber(day))} d` : null],
    ["from onset", known ? hoursText((scene.seconds - event.onset * 60) / 3600) : null],
    ["covers", percent(scene.overlap)],
    ["cloud", scene.cloud == null ? null : `${scene.cloud.toFixed(1)} %`],
    ["clear ground", percent(scene.clear)],
    ["platform", scene.platform],
    ["orbit, tile", placeText(scene)],
    ["processing", scene.baseline],
    ["needs", row.relaxed.join(", ")],
    ["lacks", scene.missing_assets?.join(", ")],
    ["newer scene", scene.superseded_by],
    ["flags", scene.flags?.map(words).join(", ")],
  ];
}
