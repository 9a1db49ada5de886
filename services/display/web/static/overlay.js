// Draws a picture and its reading on a canvas, boxes and text at the screen's resolution, not the picture's.

/** @import { Box, Drawable, Place } from "./types.d.ts" */

const MINT = "#5ee8aa";
const INK = "#1a1e26";
const PAPER = "#f5f5f5";
const AMBER = "#ffb938"; // of what was not read, and of the place that is explained
const MARK_PX = 9; // radius of the mark of a place
const FAMILY = "system-ui, sans-serif";
const MIN_LABEL_PX = 10;
const MAX_LABEL_PX = 26;
const LABEL_SHARE = 0.35; // of the digit's height

/**
 * @param {HTMLCanvasElement} canvas
 * @param {ImageBitmap | HTMLCanvasElement} picture
 * @param {Drawable} reading
 */
export function drawPicture(canvas, picture, reading) {
  canvas.style.aspectRatio = `${picture.width} / ${picture.height}`;
  const context = fitCanvas(canvas, { alpha: false });
  if (!context) return;
  context.drawImage(picture, 0, 0, canvas.clientWidth, canvas.clientHeight);
  drawReading(context, canvas, reading, picture);
}

/**
 * Marks a place on a picture that is drawn already: a box around the candidate, or a ring where there is none.
 * @param {HTMLCanvasElement} canvas
 * @param {{width: number, height: number}} picture
 * @param {Place} place
 * @param {Box | null} box
 */
export function drawMark(canvas, picture, place, box) {
  const context = fitCanvas(canvas, { alpha: false });
  if (!context) return;
  const [across, down] = [canvas.clientWidth / picture.width, canvas.clientHeight / picture.height];
  for (const [style, line] of /** @type {const} */ ([[INK, 6], [AMBER, 3]])) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    if (box) context.roundRect(box[0] * across - 5, box[1] * down - 5, box[2] * across + 10, box[3] * down + 10, 6);
    else context.arc(place.x * across, place.y * down, MARK_PX, 0, 2 * Math.PI);
    context.stroke();
  }
}

/**
 * Draws only the reading, over a picture that is shown already.
 * @param {HTMLCanvasElement} canvas
 * @param {Drawable} reading
 */
export function drawOverlay(canvas, reading) {
  const context = fitCanvas(canvas, { alpha: true });
  if (!context) return;
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (reading.width) drawReading(context, canvas, reading, reading);
}

/**
 * Returns the context in CSS pixels at the screen's resolution; null while the canvas has no size.
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} options
 */
function fitCanvas(canvas, options) {
  const density = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * density);
  const height = Math.round(canvas.clientHeight * density);
  if (!width || !height) return null;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", options);
  context?.setTransform(density, 0, 0, density, 0, 0);
  return context;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLCanvasElement} canvas
 * @param {Drawable} reading - with width 0 if nothing was read yet
 * @param {{width: number, height: number}} picture
 */
function drawReading(context, { clientWidth, clientHeight }, { width, height, digits, numbers }, picture) {
  const across = clientWidth / (width || picture.width);
  const down = clientHeight / (height || picture.height);
  /** @type {(box: Box) => Box} */
  const scale = ([x, y, w, h]) => [x * across, y * down, w * across, h * down];
  for (const { box } of digits) drawBox(context, scale(box));
  for (const { digit, box } of digits) drawLabel(context, String(digit), scale(box));
  for (const number of numbers) {
    if (number.text.length > 1) drawUnderline(context, scale(number.box));
    for (const place of number.unread) drawUnread(context, scale(place));
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 */
function drawUnread(context, box) {
  drawBox(context, box, AMBER);
  drawLabel(context, "?", box);
}

/**
 * A dark rim under the color shows on white paper and in shadow.
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 */
function drawBox(context, [x, y, width, height], color = MINT) {
  for (const [style, line] of /** @type {const} */ ([[INK, 3.5], [color, 1.75]])) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    context.roundRect(x - 2, y - 2, width + 4, height + 4, 4);
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text - one character
 * @param {Box} box
 */
function drawLabel(context, text, [x, y, , height]) {
  const size = Math.max(MIN_LABEL_PX, Math.min(MAX_LABEL_PX, LABEL_SHARE * height));
  const [plateWidth, plateHeight] = [size * 1.05, size * 1.25];
  const top = Math.max(0, y - 5 - plateHeight);
  context.fillStyle = INK;
  context.beginPath();
  context.roundRect(x - 3, top, plateWidth, plateHeight, 4);
  context.fill();
  context.font = `600 ${size}px ${FAMILY}`;
  context.fillStyle = PAPER;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x - 3 + plateWidth / 2, top + plateHeight / 2 + size * 0.06);
}

/**
 * Underlines the digits of one number.
 * @param {CanvasRenderingContext2D} context
 * @param {Box} box
 */
function drawUnderline(context, [x, y, width, height]) {
  const bottom = y + height + 9;
  for (const [style, line] of /** @type {const} */ ([[INK, 5], [MINT, 2.5]])) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x, bottom);
    context.lineTo(x + width, bottom);
    context.stroke();
  }
}
