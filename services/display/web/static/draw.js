// /draw: a sheet to write on with mouse, pen or finger; it is a camera of the pipeline.

import { find } from "./dom.js";
import { ReadingView } from "./reading_view.js";
import { findUnreadStrokes, UnreadMarks } from "./unread_strokes.js";

/** @import { Drawable } from "./types.d.ts" */
/** @import { Point } from "./unread_strokes.js" */

const PAPER = "#fdfdfb";
const INK = "#1c2330";
const PEN_SHARE = 0.028; // width of the pen as a share of the sheet's long side: a felt tip on a card
const LONG_SIDE_PX = 960;
const SEND_EVERY_MS = 50; // readings every 50 ms are smoothed as fast as a camera's
const STORE = "digitcam.strokes"; // of this tab, so that they outlast a reload
const SETTLED_MS = 800; // after the pen was lifted; until then a digit may still appear

const sheet = find(document, "#sheet", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d", { alpha: false }));
const buttons = { clear: find(document, "#clear", HTMLButtonElement), undo: find(document, "#undo", HTMLButtonElement) };
const view = new ReadingView("draw", sheet, "Write a digit");
const marks = new UnreadMarks(find(document, "#unread", HTMLElement), ([x, y]) => view.explain(toPixels(x, y)));
/** @type {Point[][]} */
let strokes = loadStrokes(); // in shares of the sheet's width and height
/** @type {Point[][]} */
let cleared = []; // what "Undo" brings back
/** @type {Point[]} */
let stroke = []; // the current or last one
/** @type {number | null} */
let pointer = null; // the mouse or finger that writes
let changedAt = 0; // the drawing
/** @type {[width: number, height: number]} */
let readSize = [1, 1]; // of the picture that was read, in pixels

view.marksGaps = false; // the strokes are known better
view.findUnread = (/** @type {Drawable} */ reading) => {
  const isSettled = pointer === null && performance.now() - changedAt > SETTLED_MS && reading.width > 0;
  const groups = isSettled ? findUnreadStrokes(strokes, reading) : [];
  if (reading.width) readSize = [reading.width, reading.height];
  marks.show(groups);
  return groups.map(({ place: [x, y] }) => toPixels(x, y));
};

/**
 * @param {number} x - in shares of the sheet
 * @param {number} y
 */
function toPixels(x, y) {
  return { x: x * readSize[0], y: y * readSize[1] };
}

/** @returns {Point[][]} */
function loadStrokes() {
  try {
    return JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
  } catch {
    return []; // a browser without storage
  }
}

function saveStrokes() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(strokes));
  } catch {
    // a browser without storage forgets the drawing
  }
}

new ResizeObserver(() => {
  const scale = LONG_SIDE_PX / Math.max(sheet.clientWidth, sheet.clientHeight);
  Object.assign(sheet, {
    width: Math.round(sheet.clientWidth * scale),
    height: Math.round(sheet.clientHeight * scale),
  });
  redraw();
}).observe(sheet);

sheet.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || pointer !== null) return; // a second finger, or the palm, does not write
  pointer = event.pointerId;
  sheet.setPointerCapture(pointer);
  stroke = [toPoint(event)];
  strokes.push(stroke);
  cleared = [];
  redraw();
});

sheet.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  stroke.push(...(event.getCoalescedEvents?.() ?? [event]).map(toPoint));
  redraw();
});

for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
  sheet.addEventListener(end, (event) => {
    if (event.pointerId === pointer) pointer = null;
    changedAt = performance.now();
    saveStrokes();
  });
}

buttons.clear.addEventListener("click", clear);
buttons.undo.addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return; // Escape closes it
  if (event.key === "Escape") clear();
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
});

function clear() {
  if (strokes.length > 0) cleared = strokes;
  strokes = [];
  saveStrokes();
  redraw();
}

function undo() {
  if (strokes.length > 0) strokes.pop();
  else [strokes, cleared] = [cleared, []];
  saveStrokes();
  redraw();
}

/**
 * @param {PointerEvent} event
 * @returns {Point}
 */
function toPoint({ clientX, clientY }) {
  const { left, top, width, height } = sheet.getBoundingClientRect();
  return [(clientX - left) / width, (clientY - top) / height];
}

function redraw() {
  changedAt = performance.now();
  const { width, height } = sheet;
  context.fillStyle = PAPER;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = INK;
  context.lineWidth = PEN_SHARE * Math.max(width, height);
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) drawStroke(points.map(([x, y]) => [x * width, y * height]));
  buttons.clear.disabled = strokes.length === 0;
  buttons.undo.disabled = strokes.length === 0 && cleared.length === 0;
}

/**
 * Draws curves through the middles between the points: a hand's line has no corners where the mouse was sampled.
 * @param {Point[]} points
 */
function drawStroke([first, ...rest]) {
  if (!first) return;
  context.beginPath();
  context.moveTo(...first);
  let last = first;
  for (const next of rest) {
    context.quadraticCurveTo(...last, (last[0] + next[0]) / 2, (last[1] + next[1]) / 2);
    last = next;
  }
  context.lineTo(...last);
  context.stroke();
}

setInterval(() => {
  if (!document.hidden) view.uplink.send(sheet, sheet.width, sheet.height);
}, SEND_EVERY_MS);
