// /draw: a sheet to write on with mouse, pen or finger; it is a camera of the pipeline.

import { find } from "./dom.js";
import { ReadingView } from "./reading_view.js";

/** @typedef {[x: number, y: number]} Point */

const PAPER = "#fdfdfb";
const INK = "#1c2330";
const PEN_SHARE = 0.028; // width of the pen as a share of the sheet's long side: a felt tip on a card
const LONG_SIDE_PX = 960;
const SEND_EVERY_MS = 50; // readings every 50 ms are smoothed as fast as a camera's

const sheet = find(document, "#sheet", HTMLCanvasElement);
const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d", { alpha: false }));
const buttons = { clear: find(document, "#clear", HTMLButtonElement), undo: find(document, "#undo", HTMLButtonElement) };
const view = new ReadingView("draw", "Write a digit");
/** @type {Point[][]} */
let strokes = []; // in shares of the sheet's width and height
/** @type {Point[]} */
let stroke = []; // the current or last one
/** @type {number | null} */
let pointer = null; // the mouse or finger that writes

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
  });
}

buttons.clear.addEventListener("click", clear);
buttons.undo.addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") clear();
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
});

function clear() {
  strokes = [];
  redraw();
}

function undo() {
  strokes.pop();
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
  const { width, height } = sheet;
  context.fillStyle = PAPER;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = INK;
  context.lineWidth = PEN_SHARE * Math.max(width, height);
  context.lineCap = context.lineJoin = "round";
  for (const points of strokes) drawStroke(points.map(([x, y]) => [x * width, y * height]));
  buttons.clear.disabled = buttons.undo.disabled = strokes.length === 0;
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
