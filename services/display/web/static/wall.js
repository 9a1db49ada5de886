// Which cameras the live view shows: those of a cell, those whose names have a text, those in trouble; a page at a time.

import { find, makeButton, setText } from "./dom.js";

/** @import { CellState } from "./types.d.ts" */

const PAGE_SIZE = 24; // tiles at once, so that a browser's load does not grow with the number of cameras
const compareNames = new Intl.Collator("en", { numeric: true }).compare; // demo 2 before demo 10

/**
 * Returns the names that have a text, in order, and how many pages they fill.
 * @param {Iterable<string>} names
 * @param {string} text
 */
function select(names, text) {
  const part = text.trim().toLowerCase();
  const found = [...names].filter((name) => name.toLowerCase().includes(part)).sort(compareNames);
  return { found, pages: Math.max(1, Math.ceil(found.length / PAGE_SIZE)) };
}

export class Wall {
  #element = find(document, "#wall", HTMLElement);
  #cells = find(this.#element, "ul", HTMLUListElement);
  #input = find(this.#element, "input", HTMLInputElement);
  #troubled = find(this.#element, ".troubled", HTMLButtonElement);
  #range = find(this.#element, "output", HTMLOutputElement);
  #previous = find(this.#element, ".previous", HTMLButtonElement);
  #next = find(this.#element, ".next", HTMLButtonElement);
  /** @type {Map<string, {button: HTMLButtonElement, up: boolean, since: Date}>} */
  #buttons = new Map();
  #wanted = 0; // the page that was asked for; it stays so while fewer cameras than it needs are known
  #page = 0; // the page that is shown

  /** @param {() => void} changed - other cameras are to be shown */
  constructor(changed) {
    const wanted = new URLSearchParams(location.search);
    this.#input.value = wanted.get("find") ?? "";
    this.#wanted = Math.max(0, parseInt(wanted.get("page") ?? "1", 10) - 1) || 0;
    this.#input.addEventListener("input", () => this.#turn(0, changed));
    this.#troubled.addEventListener("click", () => {
      this.#troubled.setAttribute("aria-pressed", String(!this.#showsTroubled));
      this.#turn(0, changed);
    });
    this.#previous.addEventListener("click", () => this.#turn(this.#page - 1, changed));
    this.#next.addEventListener("click", () => this.#turn(this.#page + 1, changed));
    this.#changed = changed;
  }

  #changed;

  get #showsTroubled() {
    return this.#troubled.getAttribute("aria-pressed") === "true";
  }

  /**
   * @param {number} page
   * @param {() => void} changed
   */
  #turn(page, changed) {
    this.#wanted = page;
    changed();
    const text = this.#input.value.trim();
    const wanted = new URLSearchParams({ ...(text && { find: text }), ...(page && { page: String(page + 1) }) });
    history.replaceState(null, "", `${location.pathname}${wanted.size ? `?${wanted}` : ""}`);
  }

  /**
   * Shows whether a cell answers; a click shows its cameras only.
   * @param {CellState} cell
   */
  setCell({ cell, up, for_s }) {
    const since = new Date(Date.now() - 1000 * for_s);
    const known = this.#buttons.get(cell);
    const button = known?.button ?? makeButton(cell, () => this.#toggleCell(cell));
    this.#buttons.set(cell, { button, up, since });
    button.dataset.up = String(up);
    if (known) return;
    const item = document.createElement("li");
    item.append(button);
    this.#cells.append(item);
  }

  /** @param {string} cell */
  #toggleCell(cell) {
    this.#input.value = this.#input.value === `${cell}/` ? "" : `${cell}/`;
    this.#turn(0, this.#changed);
  }

  /**
   * Returns the cameras to show, in order.
   * @param {ReadonlyMap<string, {state: string}>} cameras
   */
  select(cameras) {
    const troubled = [...cameras].filter(([, { state }]) => state !== "live").map(([name]) => name);
    const { found, pages } = select(this.#showsTroubled ? troubled : cameras.keys(), this.#input.value);
    this.#page = Math.min(this.#wanted, pages - 1);
    const first = this.#page * PAGE_SIZE;
    const shown = found.slice(first, first + PAGE_SIZE);
    this.#element.hidden = cameras.size <= PAGE_SIZE && this.#buttons.size === 0 && !this.#input.value;
    setText(this.#troubled, `${troubled.length} not live`);
    this.#troubled.hidden = troubled.length === 0 && !this.#showsTroubled;
    setText(this.#range, found.length ? `${first + 1} to ${first + shown.length} of ${found.length}` : "None found");
    this.#previous.disabled = this.#page === 0;
    this.#next.disabled = this.#page >= pages - 1;
    this.#showCells(cameras);
    return shown;
  }

  /** @param {ReadonlyMap<string, {state: string}>} cameras */
  #showCells(cameras) {
    for (const [cell, { button, up, since }] of this.#buttons) {
      const states = [...cameras].filter(([name]) => name.startsWith(`${cell}/`)).map(([, { state }]) => state);
      const live = states.filter((state) => state === "live").length;
      setText(button, up ? `${cell} ${live} of ${states.length}` : `${cell} gone since ${since.toLocaleTimeString()}`);
      button.setAttribute("aria-pressed", String(this.#input.value === `${cell}/`));
    }
  }
}
