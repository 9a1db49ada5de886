// The three most probable readings of each digit, with bars, and what was not read; each has a button that explains it.

import { cloneTemplate, find, setText } from "./dom.js";
import { percent } from "./numbers.js";

/** @import { Box, Digit, NumberText, Place } from "./types.d.ts" */

export class GuessesPanel {
  #list = find(document, "#guesses ol", HTMLOListElement);
  #empty = find(document, "#guesses .none", HTMLElement);
  #explain;
  /** @type {Place[]} */
  #places = []; // of the items

  /** @param {(place: Place) => void} explain */
  constructor(explain) {
    this.#explain = explain;
  }

  /**
   * Updates the items in place, so that a button keeps the focus.
   * @param {Digit[]} digits
   * @param {NumberText[]} numbers
   * @param {Place[]} unread
   */
  show(digits, numbers, unread) {
    const inOrder = sortAsRead(digits, numbers);
    this.#places = [...inOrder.map(({ box }) => middleOf(box)), ...unread];
    while (this.#list.children.length > this.#places.length) this.#list.lastElementChild?.remove();
    while (this.#list.children.length < this.#places.length) this.#list.append(this.#makeItem(this.#list.children.length));
    for (const [i, item] of [...this.#list.children].entries()) showItem(/** @type {HTMLElement} */ (item), inOrder[i]);
    this.#empty.hidden = this.#places.length > 0;
  }

  /** @param {number} index */
  #makeItem(index) {
    const item = cloneTemplate("guess");
    find(item, "button", HTMLButtonElement).addEventListener("click", () => {
      const place = this.#places[index];
      if (place) this.#explain(place);
    });
    return item;
  }
}

/**
 * @param {HTMLElement} item
 * @param {Digit} [digit] - none for what was not read
 */
function showItem(item, digit) {
  item.classList.toggle("unread", !digit);
  setText(find(item, ".read-as", HTMLElement), digit ? String(digit.digit) : "?");
  setText(find(item, "button", HTMLButtonElement), digit ? "Why?" : "Why not?");
  find(item, "button", HTMLButtonElement).setAttribute(
    "aria-label",
    digit ? `Why ${digit.digit}?` : "Why was this ink not read?",
  );
  find(item, ".not-read", HTMLElement).hidden = Boolean(digit);
  const table = find(item, "table", HTMLTableElement);
  table.hidden = !digit;
  for (const [i, row] of [...table.rows].entries()) {
    const guess = digit?.guesses[i];
    setText(find(row, "th", HTMLElement), guess ? String(guess.digit) : "");
    find(row, "meter", HTMLMeterElement).value = guess?.confidence ?? 0;
    setText(find(row, ".share", HTMLElement), guess ? percent(guess.confidence) : "");
  }
}

/**
 * Returns the digits in the order of the numbers: the reading has them in the order in which they appeared.
 * @param {Digit[]} digits
 * @param {NumberText[]} numbers
 */
function sortAsRead(digits, numbers) {
  /** @type {(digit: Digit) => number} */
  const numberOf = ({ box }) => {
    const { x, y } = middleOf(box);
    return numbers.findIndex(({ box: [left, top, width, height] }) => {
      return x >= left && x <= left + width && y >= top && y <= top + height;
    });
  };
  return [...digits].sort((a, b) => numberOf(a) - numberOf(b) || a.box[0] - b.box[0]);
}

/**
 * @param {Box} box
 * @returns {Place}
 */
export function middleOf([x, y, width, height]) {
  return { x: x + width / 2, y: y + height / 2 };
}
