// Numbers in large type. A screen reader speaks an <output> when it changes, so only what is new is written.

/** @import { NumberText } from "./types.d.ts" */

const UNREAD = "?"; // in a number, a character that was not read
const SMALL_FROM = 24; // characters from which the type is small
const MEDIUM_FROM = 8;
const MEANING = "Of digits shown with 80 %, 8 in 10 are right. For a number, the product of its digits.";

/**
 * Returns the new text, or null if it has not changed.
 * @param {HTMLOutputElement} output
 * @param {NumberText[]} numbers
 * @param {string} placeholder - shown if there is no number
 */
export function showNumbers(output, numbers, placeholder) {
  const text = numbers.map((number) => number.text).join(" ");
  const shown = text || placeholder;
  const isNew = output.dataset.shown !== shown;
  if (isNew) {
    output.dataset.shown = shown;
    output.dataset.size = text.length > SMALL_FROM ? "small" : text.length > MEDIUM_FROM ? "medium" : "large";
    output.replaceChildren(...(numbers.length ? numbers.map(numberElement) : [placeholderElement(shown)]));
  }
  for (const [i, number] of numbers.entries()) {
    const confidence = output.children[i]?.lastChild;
    if (confidence) confidence.textContent = percent(number.confidence);
  }
  return isNew ? shown.replaceAll(UNREAD, " not read ") : null;
}

/** @param {NumberText} number */
function numberElement({ text }) {
  const element = document.createElement("span");
  element.className = "number";
  const value = document.createElement("b");
  value.append(...text.split(UNREAD).flatMap((part, i) => (i ? [unreadElement(), part] : part)));
  const confidence = document.createElement("small");
  confidence.setAttribute("aria-hidden", "true"); // it changes all the time
  confidence.title = MEANING;
  element.append(value, confidence);
  return element;
}

/** A screen reader passes over a lone question mark. */
function unreadElement() {
  const element = Object.assign(document.createElement("span"), { className: "unread", textContent: UNREAD });
  element.title = "A character here was not read";
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", " not read ");
  return element;
}

/** @param {string} text */
function placeholderElement(text) {
  return Object.assign(document.createElement("span"), { className: "none", textContent: text });
}

/** @param {number} share */
export function percent(share) {
  return `${Math.floor(100 * share)} %`; // 99.7 % is not 100
}
