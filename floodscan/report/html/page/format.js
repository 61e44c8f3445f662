// Numbers, times and words as people read them.

const DAY_SECONDS = 86400;
const STATUSES = ["complete", "partial", "failed"];

const count = (number) => number.toLocaleString("en-US");
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const words = (name) => name.replaceAll("_", " ");

/** Only the whole reads as 100 %. */
const percent = (share) =>
  share == null ? null : share === 1 || share === 0 ? `${100 * share} %` : `${Math.min(100 * share, 99.9).toFixed(1)} %`;

const signed = (number, digits = 0) =>
  `${number < 0 ? "−" : number > 0 ? "+" : ""}${Math.abs(number).toFixed(digits)}`;

const hoursText = (hours) =>
  hours == null ? null
    : Math.abs(hours) < 96 ? `${signed(hours, 1)} h` : `${signed(hours / 24, 1)} d`;

const utc = (seconds) => new Date(seconds * 1000).toISOString();
const dayText = (seconds) => (seconds == null ? null : utc(seconds).slice(0, 10));
const momentText = (seconds) =>
  seconds == null ? null : `${utc(seconds).slice(0, 16).replace("T", " ")} UTC`;
const daySeconds = (text) => Date.parse(`${text}T00:00:00Z`) / 1000;
const dayNumber = (seconds) => Math.floor(seconds / DAY_SECONDS);

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

const slotName = ([phase, sensor]) => (phase ? `${phase} ${sensor}` : sensor);

/** SENTINEL-1A and Sentinel-2B as S1A and S2B. */
const shortPlatform = (name) =>
  name == null ? null : name.replace(/^sentinel-?(\d[a-z])$/i, (_, found) => `S${found.toUpperCase()}`);

/** The relative orbit and its direction, or the tile, of a scene. */
const placeText = ({ orbit, state, tile }) =>
  [orbit == null ? null : `orbit ${orbit}`, state, tile && `tile ${tile}`].filter(Boolean).join(" ");
