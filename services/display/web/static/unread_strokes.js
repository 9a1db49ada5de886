// Strokes on the sheet that no digit was read from: each group of them is marked with a button that explains it.

import { makeButton } from "./dom.js";

/** @import { Box, Drawable, Place } from "./types.d.ts" */
/** @typedef {[x: number, y: number]} Point - in shares of the sheet's width and height */
/** @typedef {{box: Box, place: Point}} Group - box in shares of the sheet; place lies on the ink */

const REACH = 0.12; // of a digit's box: ink this far outside of it still belongs to the digit
const HIGH = 0.15; // of the sheet: above ink this near its upper edge there is no room for the button
const NEAR = 0.015; // of the sheet: strokes this near are one character

/**
 * Returns the groups of strokes of which a reading has no digit.
 * @param {Point[][]} strokes
 * @param {Drawable} reading
 */
export function findUnreadStrokes(strokes, { width, height, digits }) {
  const boxes = digits.map(({ box: [x, y, w, h] }) => widen([x / width, y / height, w / width, h / height], REACH));
  /** @type {Group[]} */
  const groups = [];
  for (const points of strokes) {
    const read = points.filter((point) => boxes.some((box) => contains(box, point))).length;
    if (read < points.length / 2) addToGroups(groups, surround(points), points);
  }
  return groups;
}

/**
 * @param {Group[]} groups
 * @param {Box} box
 * @param {Point[]} points
 */
function addToGroups(groups, box, points) {
  const near = groups.find((group) => touches(group.box, box));
  if (near) {
    const [x, y, width, height] = box;
    const [left, top, w, h] = near.box;
    near.box = surround([[x, y], [x + width, y + height], [left, top], [left + w, top + h]]);
    return;
  }
  const middle = /** @type {Point} */ ([box[0] + box[2] / 2, box[1] + box[3] / 2]);
  /** @type {(point: Point) => number} */
  const distance = ([x, y]) => Math.hypot(x - middle[0], y - middle[1]);
  groups.push({ box, place: points.reduce((best, point) => (distance(point) < distance(best) ? point : best)) });
}

/**
 * @param {Point[]} points
 * @returns {Box}
 */
function surround(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

/**
 * @param {Box} box
 * @param {number} share
 * @returns {Box}
 */
function widen([x, y, width, height], share) {
  const reach = share * Math.max(width, height);
  return [x - reach, y - reach, width + 2 * reach, height + 2 * reach];
}

/**
 * @param {Box} box
 * @param {Point} point
 */
function contains([left, top, width, height], [x, y]) {
  return x >= left && x <= left + width && y >= top && y <= top + height;
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function touches([ax, ay, aw, ah], [bx, by, bw, bh]) {
  return ax - NEAR <= bx + bw && bx - NEAR <= ax + aw && ay - NEAR <= by + bh && by - NEAR <= ay + ah;
}

export class UnreadMarks {
  #element;
  #explain;
  #shown = "";

  /**
   * @param {HTMLElement} element
   * @param {(place: Point) => void} explain
   */
  constructor(element, explain) {
    this.#element = element;
    this.#explain = explain;
  }

  /** @param {Group[]} groups */
  show(groups) {
    const shown = JSON.stringify(groups);
    if (shown === this.#shown) return; // a button keeps the focus
    this.#shown = shown;
    this.#element.replaceChildren(...groups.map((group) => this.#makeMark(group)));
  }

  /** @param {Group} group */
  #makeMark({ box: [x, y, width, height], place }) {
    const mark = document.createElement("div");
    const button = makeButton("?", () => this.#explain(place));
    button.setAttribute("aria-label", "Why was this ink not read?");
    const share = /** @param {number} value */ (value) => `${(100 * value).toFixed(2)}%`;
    Object.assign(mark.style, { left: share(x), top: share(y), width: share(width), height: share(height) });
    mark.classList.toggle("high", y < HIGH);
    mark.append(button);
    return mark;
  }
}
