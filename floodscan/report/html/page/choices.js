// The choices of an event as a table: what fills each slot, and why nothing better does.

const MEASURES = {
  overlap_frac: ["coverage of the area", percent],
  cloud_cover: ["cloud", (value) => (value == null ? "unknown" : `${value.toFixed(1)} %`)],
  days_from_phase: ["days from the phase's date", (value) => `${value}`],
  clear_ground: ["what is known of clear ground", String],
  clear_share: ["clear ground", percent],
  area_cloud: ["cloud over the area", (value) => (value == null ? "unknown" : `${value.toFixed(1)} %`)],
  datetime: ["earlier time", (value) => `${value}`.slice(0, 16).replace("T", " ")],
  relative_orbit: ["smaller relative orbit", (value) => `${value}`],
  orbit_state: ["orbit state", (value) => `${value}`],
};

function choiceTable(run, event, target) {
  const header = ["slot", "scenes", "time, UTC", "from onset", "coverage", "cloud", "orbit, tile", "why", "runner-up"];
  const rows = run.slots.map((slot, number) => choiceCells(run, event, target, slot, number)).filter(Boolean);
  return plainTable(header, rows, { numbers: new Set([3, 4, 5]) });
}

function choiceCells(run, event, target, slot, number) {
  const own = event.rows.filter((row) => row.target === target && row.slot === number);
  const chosen = own.filter((row) => row.verdict === "selected").sort((one, other) => one.rank - other.rank);
  const name = h("span", { class: `key ${slot[1]}` }, slotName(slot));
  if (!chosen.length) return [name, h("span", { class: "empty" }, "no scene"), null, null, null, null, null,
    emptyReason(event, target, slot), null];
  const [first] = chosen.map((row) => row.scene);
  const choice = target === "aoi" ? event.choices.find(([place]) => place === number) : null;
  const steps = [...new Set(chosen.flatMap((row) => row.relaxed))];
  return [name,
    sceneNames(chosen.map((row) => row.scene)),
    slot[0] && timeParts(first.seconds),
    slot[0] && first.seconds != null && hoursText((first.seconds - event.onset * 60) / 3600),
    choice ? coverageText(choice) : slot[0] == null ? `${chosen.length} tiles` : null,
    meanCloud(chosen),
    [first.platform, placeText(first)].filter(Boolean).join(" "),
    h("span", null, reasonText(choice, own, slot),
      steps.length > 0 && h("span", { class: "quiet" }, ` Needs ${steps.join(" and ")}.`)),
    choice?.[2] == null ? null : sceneNames([event.scenes[choice[2]]])];
}

function reasonText(choice, own, slot) {
  if (slot[0] == null) return "covers a part of the area.";
  if (!choice) return null;
  const ranked = own.filter((row) => row.rank != null && row.verdict !== "selected").length;
  const rejected = own.filter((row) => row.rank == null).length;
  const others = ` ${count(ranked)} more ranked, ${count(rejected)} rejected.`;
  if (choice[2] == null) return `The only candidate that obeys the rules.${others}`;
  const [by, mine, theirs] = choice[3];
  if (by === "all_slots_together") return `Chosen for all slots together.${others}`;
  if (by === "item_id") return `Equal to the runner-up in all measures; the id decides.${others}`;
  const [name, text] = MEASURES[by] ?? [words(by), String];
  return `Ahead of the runner-up by ${name}: ${text(mine)} against ${text(theirs)}.${others}`;
}

function emptyReason(event, target, [phase, sensor]) {
  const found = event.empty.find(([t, p, name]) => t === target && p === phase && name === sensor);
  return found ? h("span", null, found[3], ". ", h("span", { class: "quiet" }, found[4])) : null;
}

const coverageText = ([, covered, , , clear]) =>
  clear == null ? percent(covered) : `${percent(covered)}, ${percent(clear)} clear`;

const timeParts = (seconds) => seconds == null ? null
  : utc(seconds).slice(0, 16).split("T").map((part) => [h("span", { class: "whole" }, part), " "]);

const sceneLabel = (scene) =>
  scene.id ?? [scene.platform, placeText(scene), momentText(scene.seconds)].filter(Boolean).join(" ");

const sceneNames = (scenes) => h("span", { class: "ids" }, scenes.map((scene) => h("code", null, sceneLabel(scene))));

function meanCloud(rows) {
  const known = rows.map((row) => row.scene).filter((scene) => scene.cloud != null);
  const weight = known.reduce((sum, scene) => sum + scene.overlap, 0);
  if (!weight) return null;
  return `${(known.reduce((sum, scene) => sum + scene.cloud * scene.overlap, 0) / weight).toFixed(1)} %`;
}
