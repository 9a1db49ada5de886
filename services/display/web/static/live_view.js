// The live view: a tile for each camera that is shown, updated through one WebSocket.

import { CameraTile } from "./camera_tile.js";
import { find, setText } from "./dom.js";
import { openExplanation } from "./explanation_panel.js";
import { LiveViewSocket } from "./live_view_socket.js";
import { Wall } from "./wall.js";

/** @import { CameraState, Outage } from "./types.d.ts" */

const FEW = 4; // cameras that fit on a laptop's screen as a square
const AGE_EVERY_MS = 250; // faster cannot be read
const KNOWN_WITHIN_MS = 2000; // every camera has sent a state long before

const main = find(document, "#tiles", HTMLElement);
const status = find(document, "#status", HTMLElement);
/** @type {Map<string, Outage>} */
const cameras = new Map(); // the state of every camera, also of those that are on another page
/** @type {Map<string, CameraTile>} */
const tiles = new Map();
/** @type {Set<string>} */
const visible = new Set(); // cameras whose tiles are in view
/** @type {Set<string>} */
let unconfirmed = new Set(); // cameras not mentioned since the last connection: a restarted display may not have them
/** @type {Outage | null} */
let outage = null;

const arrange = once(showTiles);
const reportVisible = once(() => socket.sendVisibleTiles(visible));
const wall = new Wall(arrange);
const socket = new LiveViewSocket({
  picture: (reading, jpeg) => tiles.get(reading.camera)?.showPicture(reading, jpeg),
  state: setState,
  cell: (cell) => {
    wall.setCell(cell);
    find(document, "#cameras", HTMLElement).hidden = true; // a camera is added where its cell runs
    arrange();
  },
  opened: () => {
    unconfirmed = new Set(cameras.keys());
    reportVisible();
  },
  changed: showOutage,
});

/**
 * Returns a function that does something once before the next screen refresh, however often it is called until then.
 * @param {() => void} action
 */
function once(action) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      action();
    });
  };
}

/** @param {CameraState} change */
function setState({ camera, state, detail, for_s }) {
  unconfirmed.delete(camera);
  if (state === "left") {
    cameras.delete(camera);
  } else {
    cameras.set(camera, { state, detail, since: new Date(Date.now() - 1000 * for_s) });
  }
  arrange();
}

function showTiles() {
  const shown = wall.select(cameras);
  const wanted = new Set(shown);
  for (const camera of tiles.keys()) if (!wanted.has(camera)) remove(camera);
  let after = null;
  for (const camera of shown.reverse()) {
    const tile = tiles.get(camera) ?? addTile(camera);
    const state = cameras.get(camera);
    if (state) tile.setState(state);
    if (tile.element.nextElementSibling !== after || !tile.element.parentElement) main.insertBefore(tile.element, after);
    after = tile.element;
  }
  main.dataset.cameras = shown.length === 1 ? "one" : shown.length <= FEW ? "few" : "many";
  find(document, "#empty", HTMLElement).hidden = cameras.size > 0;
  showStatus();
}

/** @param {string} camera */
function addTile(camera) {
  const tile = new CameraTile(camera, {
    painted: () => socket.sendPainted(camera),
    visibility: (isVisible) => {
      if (isVisible) visible.add(camera);
      else visible.delete(camera);
      reportVisible();
    },
    enlarge: () => enlarge(camera),
    freeze: (seq) => socket.freeze(camera, seq),
    explain: (place) => openExplanation({ name: camera, freeze: () => tile.freeze() }, place),
  });
  tile.setOutage(outage);
  tiles.set(camera, tile);
  return tile;
}

/** @param {string} camera */
function remove(camera) {
  const tile = tiles.get(camera);
  if (tile?.isEnlarged) enlarge(null);
  tile?.close();
  tiles.delete(camera);
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
      if (outage) return;
      for (const camera of unconfirmed) cameras.delete(camera);
      arrange();
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
  const live = [...cameras.values()].filter(({ state }) => state === "live").length;
  status.dataset.level = outage ? "old" : live < cameras.size ? "late" : "fresh";
  setText(status, outage?.detail ?? camerasText(live));
}

/** @param {number} live */
function camerasText(live) {
  if (cameras.size === 0) return "Connected";
  return cameras.size === 1 ? (live ? "Live" : "Camera down") : `${live} of ${cameras.size} cameras live`;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) enlarge(null);
});

document.addEventListener("visibilitychange", () => socket.sendTabVisibility(!document.hidden));

setInterval(() => {
  for (const tile of tiles.values()) tile.showAge(socket.now());
}, AGE_EVERY_MS);

setInterval(() => {
  for (const tile of tiles.values()) tile.addSecond();
}, 1000);
