// The page: a tile for each camera, kept up to date by one WebSocket.

import { Link } from "./link.js";
import { Tile } from "./tile.js";
import { ask } from "./why.js";

const FEW = 4; // cameras that fit a laptop's screen as a square
const AGE_SHOWN_EVERY_MS = 250; // faster cannot be read
const NAMED_WITHIN_MS = 2000; // a camera that lives is named by a state or a picture long before

const byName = new Intl.Collator("en", { numeric: true }).compare; // demo 2 before demo 10
const main = document.getElementById("tiles");
const status = document.getElementById("status");
const tiles = new Map();
let unnamed = new Set(); // cameras that this connection has not spoken of: a restarted pipeline may not have them
let outage = null;

const link = new Link({
  picture: (header, jpeg) => tileOf(header.camera).take(header, jpeg),
  state: (state) => (state.state === "left" ? remove(state.camera) : tileOf(state.camera).setState(state)),
  opened,
  change: showOutage,
});

function opened() {
  unnamed = new Set(tiles.keys());
  tiles.forEach((tile, camera) => tile.isInSight || link.sight(camera, false));
}

function tileOf(camera) {
  unnamed.delete(camera);
  if (!tiles.has(camera)) {
    const tile = new Tile(camera, {
      painted: () => link.painted(camera),
      sight: (seen) => link.sight(camera, seen),
      enlarge: () => enlarge(camera),
      why: (place) => ask(camera, place),
    });
    tiles.set(camera, tile);
    tile.setOutage(outage);
    const after = [...tiles.keys()].sort(byName).find((name) => byName(name, camera) > 0);
    main.insertBefore(tile.element, after === undefined ? null : tiles.get(after).element);
    showCount();
  }
  return tiles.get(camera);
}

// A camera that was taken off the list leaves nothing behind.
function remove(camera) {
  const tile = tiles.get(camera);
  if (!tile) return;
  if (tile.isEnlarged) enlarge(null);
  tile.close();
  tiles.delete(camera);
  showCount();
}

function showCount() {
  main.dataset.cameras = tiles.size === 1 ? "one" : tiles.size <= FEW ? "few" : "many";
  document.getElementById("empty").hidden = tiles.size > 0;
  showStatus();
}

// Shows one camera alone, or all of them again.
function enlarge(camera) {
  const alone = camera !== null && !tiles.get(camera).isEnlarged;
  main.classList.toggle("alone", alone);
  for (const [name, tile] of tiles) tile.setEnlarged(alone && name === camera);
}

// A connection or a pipeline that comes or goes concerns every tile.
function showOutage() {
  const detail = outageText();
  outage = detail ? { state: "unreachable", detail, since: outage?.since ?? new Date() } : null;
  for (const tile of tiles.values()) tile.setOutage(outage);
  if (!outage) setTimeout(() => outage || unnamed.forEach(remove), NAMED_WITHIN_MS);
  showStatus();
}

function outageText() {
  if (link.refusal) return `Not let in: ${link.refusal}`;
  if (!link.isOpen) return "Connection lost, trying again";
  return link.isPipelineUp ? "" : "The pipeline does not answer";
}

function showStatus() {
  const live = [...tiles.values()].filter((tile) => tile.isLive).length;
  const text = outage?.detail ?? camerasText(live);
  status.dataset.level = outage ? "old" : live < tiles.size ? "late" : "fresh";
  if (status.textContent !== text) status.textContent = text; // a screen reader speaks each change
}

function camerasText(live) {
  if (tiles.size === 0) return "Connected";
  return tiles.size === 1 ? (live ? "Live" : "Camera down") : `${live} of ${tiles.size} cameras live`;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) enlarge(null);
});

document.addEventListener("visibilitychange", () => link.look(!document.hidden));

setInterval(() => {
  for (const tile of tiles.values()) tile.showAge(link.now());
  showStatus();
}, AGE_SHOWN_EVERY_MS);

setInterval(() => tiles.forEach((tile) => tile.addSecond()), 1000);
