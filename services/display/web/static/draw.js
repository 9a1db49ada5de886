// A sheet to write on with mouse, pen or finger. It is a camera like any other: what it shows is read as it is written.

import { Answer } from "./answer.js";

const PAPER = "#fdfdfb";
const INK = "#1c2330";
const PEN_SHARE = 0.028; // width of the pen, of the sheet's long side: a felt tip on a card
const LONG_SIDE_PX = 960;
const SEND_EVERY_MS = 50; // a reading every 50 ms steadies as fast as a camera's

const sheet = document.getElementById("sheet");
const context = sheet.getContext("2d", { alpha: false });
const answer = new Answer("draw", "Write a digit");
let strokes = []; // each a list of [x, y], as shares of the sheet's width and height
let pen = null; // the stroke being written, or the last one
let pointer = null; // what writes it: a mouse, a finger

new ResizeObserver(() => {
  const scale = LONG_SIDE_PX / Math.max(sheet.clientWidth, sheet.clientHeight);
  Object.assign(sheet, {
    width: Math.round(sheet.clientWidth * scale),
    height: Math.round(sheet.clientHeight * scale),
  });
  redraw();
}).observe(sheet);

sheet.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || pointer !== null) return; // a second finger, or the palm, writes nothing
  pointer = event.pointerId;
  sheet.setPointerCapture(pointer);
  pen = [point(event)];
  strokes.push(pen);
  redraw();
});

sheet.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  pen.push(...(event.getCoalescedEvents?.() ?? [event]).map(point));
  redraw();
});

for (const end of ["pointerup", "pointercancel"]) {
  sheet.addEventListener(end, (event) => event.pointerId === pointer && (pointer = null));
}

document.getElementById("clear").addEventListener("click", clear);
document.getElementById("undo").addEventListener("click", undo);
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

function point({ clientX, clientY }) {
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
  for (const stroke of strokes) drawStroke(stroke.map(([x, y]) => [x * width, y * height]));
  for (const id of ["clear", "undo"]) document.getElementById(id).disabled = strokes.length === 0;
}

// Curves through the middles between the points: a hand's line has no corners where the mouse was asked.
function drawStroke([first, ...rest]) {
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
  if (!document.hidden) answer.uplink.send(sheet, sheet.width, sheet.height);
}, SEND_EVERY_MS);
