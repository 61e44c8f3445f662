// Blocks of data: packed in the page, unpacked when they are needed.

async function unpack(id) {
  const text = find(`data-${id}`).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** Columns of equal length as objects. */
function toRows(columns) {
  const names = Object.keys(columns);
  return (columns[names[0]] ?? []).map((_, row) =>
    Object.fromEntries(names.map((name) => [name, columns[name][row]])));
}

const sumUntil = (numbers, end) => numbers.slice(0, end).reduce((sum, number) => sum + number, 0);

/** The facts of one event of a block, its scenes, and its candidates. */
function openPlace(block, place) {
  const fact = block.facts[place];
  const firstScene = sumUntil(block.scenes.n, place);
  const scenes = readScenes(block.scenes, firstScene, firstScene + block.scenes.n[place]);
  const firstRow = sumUntil(block.rows.n, place);
  const rows = readRows(block.rows, firstRow, firstRow + block.rows.n[place], scenes);
  return { ...fact, scenes, rows };
}

function readScenes(columns, first, end) {
  const scenes = [];
  let seconds = sumUntil(columns.seconds, first);
  for (let number = first; number < end; number += 1) {
    seconds += columns.seconds[number];
    const [platform, orbit, state, tile, baseline] = columns.looks[columns.look[number]];
    scenes.push({
      id: columns.id[number],
      seconds: seconds === 0 ? null : seconds,
      overlap: columns.overlap[number] / 1000,
      cloud: columns.cloud[number] < 0 ? null : columns.cloud[number] / 10,
      clear: columns.clear[number] < 0 ? null : columns.clear[number] / 1000,
      platform: shortPlatform(platform), orbit, state, tile, baseline,
    });
  }
  for (const [name, notes] of Object.entries(columns.notes))
    for (const [number, note] of notes)
      if (first <= number && number < end) scenes[number - first][name] = note;
  return scenes;
}

function readRows(columns, first, end, scenes) {
  const rows = [];
  for (let number = first; number < end; number += 1) {
    rows.push({
      target: columns.targets[columns.target[number]],
      slot: columns.slot[number],
      scene: scenes[columns.scene[number]],
      sceneNumber: columns.scene[number],
      verdict: columns.verdicts[columns.verdict[number]],
      rank: columns.rank[number] || null,
      relaxed: columns.steps[columns.relaxed[number]],
    });
  }
  return rows;
}

/** Unpacks blocks; the last few stay unpacked. */
class Blocks {
  #open = new Map();

  async get(id) {
    if (!this.#open.has(id)) {
      this.#open.set(id, unpack(id));
      if (this.#open.size > 4) this.#open.delete(this.#open.keys().next().value);
    }
    return this.#open.get(id);
  }
}
