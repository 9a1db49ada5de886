// The frozen frame in the explanation panel: its picture with its reading. A click on it, or a button for each digit,
// chooses the place to explain.

import { find, makeButton } from "./dom.js";
import { drawMark, drawPicture } from "./overlay.js";

/** @import { Box, Digit, Drawable, FrozenFrame, Place } from "./types.d.ts" */

/**
 * Returns a copy of a picture that the page goes on to replace.
 * @param {ImageBitmap | HTMLCanvasElement | HTMLVideoElement} source
 * @param {number} width - in pixels
 * @param {number} height
 */
export function copyPicture(source, width = source.width, height = source.height) {
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  copy.getContext("2d", { alpha: false })?.drawImage(source, 0, 0, width, height);
  return copy;
}

export class FrozenPicture {
  #canvas;
  #digits;
  #choose;
  /** @type {FrozenFrame | null} */
  #frame = null;
  /** @type {Digit[]} */
  #sorted = []; // one for each button
  /** @type {{place: Place, box: Box | null} | null} */
  #mark = null;

  /**
   * @param {HTMLElement} element
   * @param {(place: Place) => void} choose
   */
  constructor(element, choose) {
    this.#canvas = find(element, "canvas", HTMLCanvasElement);
    this.#digits = find(element, ".digits", HTMLElement);
    this.#choose = choose;
    this.#canvas.addEventListener("click", (event) => this.#onClick(event));
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
  }

  /** @param {FrozenFrame} frame */
  show(frame) {
    this.#frame = frame;
    this.#mark = null;
    const text = frame.reading.numbers.map((number) => number.text).join(" ") || "no digit";
    this.#canvas.setAttribute("aria-label", `The frozen picture. ${text}`);
    this.#sorted = inReadingOrder(frame.reading);
    this.#digits.replaceChildren(...this.#sorted.map((digit) => this.#makeButton(digit)));
    this.#draw();
  }

  /**
   * Marks the place that is explained, and the candidate's box once it is known.
   * @param {Place} place
   * @param {Box | null} box
   */
  mark(place, box) {
    this.#mark = { place, box };
    for (const [i, button] of [...this.#digits.children].entries()) {
      button.setAttribute("aria-pressed", String(contains(this.#sorted[i]?.box, place)));
    }
    this.#draw();
  }

  /** @param {Digit} digit */
  #makeButton({ digit, box: [x, y, width, height] }) {
    const button = makeButton(String(digit), () => this.#choose({ x: x + width / 2, y: y + height / 2 }));
    button.setAttribute("aria-label", `Explain the ${digit}`);
    return button;
  }

  /** @param {MouseEvent} event */
  #onClick({ offsetX, offsetY }) {
    if (!this.#frame) return;
    const { width, height } = this.#frame.picture;
    this.#choose({
      x: (offsetX / this.#canvas.clientWidth) * width,
      y: (offsetY / this.#canvas.clientHeight) * height,
    });
  }

  #draw() {
    if (!this.#frame) return;
    drawPicture(this.#canvas, this.#frame.picture, this.#frame.reading);
    if (this.#mark) drawMark(this.#canvas, this.#frame.picture, this.#mark.place, this.#mark.box);
  }
}

/**
 * Numbers are in reading order; the digits of one are sorted from left to right.
 * @param {Drawable} reading
 */
function inReadingOrder({ digits, numbers }) {
  /** @type {(digit: Digit) => number} */
  const numberOf = ({ box: [x, y, width, height] }) =>
    numbers.findIndex((number) => contains(number.box, { x: x + width / 2, y: y + height / 2 }));
  return [...digits].sort((a, b) => numberOf(a) - numberOf(b) || a.box[0] - b.box[0]);
}

/**
 * @param {Box | undefined} box
 * @param {Place} place
 */
function contains(box, { x, y }) {
  if (!box) return false;
  const [left, top, width, height] = box;
  return x >= left && x <= left + width && y >= top && y <= top + height;
}
