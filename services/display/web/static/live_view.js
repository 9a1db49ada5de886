// The live view: a tile for each camera, updated through one WebSocket.

import { CameraTile } from "./camera_tile.js";
import { find, setText } from "./dom.js";
import { openExplanation } from "./explanation_panel.js";
import { LiveViewSocket } from "./live_view_socket.js";

/** @import { Outage } from "./types.d.ts" */

const FEW = 4; // cameras that fit on a laptop's screen as a square
const AGE_EVERY_MS = 250; // faster cannot be read
const KNOWN_WITHIN_MS = 2000; // every camera has sent a state or a picture long before

const compareNames = new Intl.Collator("en", { numeric: true }).compare; // demo 2 before demo 10
const main = find(document, "#tiles", HTMLElement);
const status = find(document, "#status", HTMLElement);
/** @type {Map<string, CameraTile>} */
const tiles = new Map();
/** @type {Set<string>} */
let unconfirmed = new Set(); // cameras not mentioned since the last connection: a restarted pipeline may not have them
/** @type {Outage | null} */
let outage = null;

const socket = new LiveViewSocket({
  picture: (reading, jpeg) => tileOf(reading.camera).showPicture(reading, jpeg),
  state: (state) => (state.state === "left" ? remove(state.camera) : tileOf(state.camera).setState(state)),
  opened: () => {
    unconfirmed = new Set(tiles.keys());
    for (const [camera, tile] of tiles) if (!tile.isVisible) socket.sendTileVisibility(camera, false);
  },
  changed: showOutage,
});

/** @param {string} camera */
function tileOf(camera) {
  unconfirmed.delete(camera);
  const known = tiles.get(camera);
  if (known) return known;
  const tile = new CameraTile(camera, {
    painted: () => socket.sendPainted(camera),
    visibility: (visible) => socket.sendTileVisibility(camera, visible),
    enlarge: () => enlarge(camera),
    freeze: (seq) => socket.freeze(camera, seq),
    explain: (place) => openExplanation({ name: camera, freeze: () => tile.freeze() }, place),
  });
  tile.setOutage(outage);
  const next = [...tiles.keys()].sort(compareNames).find((name) => compareNames(name, camera) > 0);
  main.insertBefore(tile.element, (next && tiles.get(next)?.element) || null);
  tiles.set(camera, tile);
  showCount();
  return tile;
}

/** @param {string} camera */
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
  find(document, "#empty", HTMLElement).hidden = tiles.size > 0;
  showStatus();
}

/**
 * Shows one camera alone, or all of them again.
 * @param {string | null} camera
 */
function enlarge(camera) {
  const isAlone = camera !== null && !tiles.get(camera)?.isEnlarged;
  main.classList.toggle("alone", isAlone);
  for (const [name, tile] of tiles) tile.setEnlarged(isAlone && name === camera);
}

// A connection or a pipeline that is lost affects every tile.
function showOutage() {
  const detail = outageText();
  outage = detail ? { state: "unreachable", detail, since: outage?.since ?? new Date() } : null;
  for (const tile of tiles.values()) tile.setOutage(outage);
  if (!outage) {
    setTimeout(() => {
      if (!outage) unconfirmed.forEach(remove);
    }, KNOWN_WITHIN_MS);
  }
  showStatus();
}

function outageText() {
  if (socket.refusal) return `Refused: ${socket.refusal}`;
  if (!socket.isOpen) return "Connection lost, trying again";
  return socket.isPipelineUp ? "" : "The pipeline does not answer";
}

function showStatus() {
  const live = [...tiles.values()].filter((tile) => tile.isLive).length;
  status.dataset.level = outage ? "old" : live < tiles.size ? "late" : "fresh";
  setText(status, outage?.detail ?? camerasText(live));
}

/** @param {number} live */
function camerasText(live) {
  if (tiles.size === 0) return "Connected";
  return tiles.size === 1 ? (live ? "Live" : "Camera down") : `${live} of ${tiles.size} cameras live`;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) enlarge(null);
});

document.addEventListener("visibilitychange", () => socket.sendTabVisibility(!document.hidden));

setInterval(() => {
  for (const tile of tiles.values()) tile.showAge(socket.now());
  showStatus();
}, AGE_EVERY_MS);

setInterval(() => {
  for (const tile of tiles.values()) tile.addSecond();
}, 1000);
