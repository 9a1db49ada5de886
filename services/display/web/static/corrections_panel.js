// Corrections in the explanation panel: a key or a button says what the digit really is. Each can be undone.

import { request } from "./api.js";
import { find, makeButton } from "./dom.js";

/** @import { Correction } from "./types.d.ts" */

const LABELS = [...Array(10).keys()].map(String).concat("none");
const NO_DIGIT_KEY = "n";
const ADDRESS = "/api/corrections";
const NO_DIGIT = "There is no digit here to correct.";

/** @param {string} label */
const nameOf = (label) => (label === "none" ? "no digit" : label);

export class CorrectionsPanel {
  /** @type {number | null} */
  #cropId = null; // of the crop that the explanation shows
  #whyNot = NO_DIGIT; // a correction is impossible without a crop
  /** @type {Correction[]} */
  #corrections = []; // the newest first
  #hasMore = false; // older ones that were not loaded
  #section;
  #message;
  #undo;

  /** @param {HTMLElement} section */
  constructor(section) {
    this.#section = section;
    this.#message = find(section, ".message", HTMLElement);
    this.#undo = find(section, ".undo", HTMLButtonElement);
    this.#undo.addEventListener("click", () => this.#delete(Number(this.#undo.dataset.id)));
    find(section, ".labels", HTMLElement).replaceChildren(...LABELS.map((label) => this.#makeLabelButton(label)));
  }

  open() {
    this.setCrop(null);
    this.#showMessage("");
    this.#load();
  }

  /**
   * Sets the crop to correct; null if there is none, and why.
   * @param {number | null} cropId
   * @param {string} [whyNot]
   */
  setCrop(cropId, whyNot = NO_DIGIT) {
    this.#cropId = cropId;
    this.#whyNot = whyNot;
    for (const button of this.#section.querySelectorAll(".labels button")) {
      button.setAttribute("aria-disabled", String(cropId === null)); // `disabled` would take the focus away
    }
  }

  /**
   * Handles a key; returns whether it was one of this panel's.
   * @param {KeyboardEvent} event
   */
  handleKey({ key, ctrlKey, metaKey, altKey, repeat }) {
    if (ctrlKey || metaKey || altKey || repeat) return false;
    if (key === "Backspace" && this.#undo.dataset.id) this.#delete(Number(this.#undo.dataset.id));
    else if (key === NO_DIGIT_KEY) this.#add("none");
    else if (LABELS.includes(key)) this.#add(key);
    else return false;
    return true;
  }

  /** @param {string} label */
  #makeLabelButton(label) {
    const key = label === "none" ? NO_DIGIT_KEY : label;
    const button = makeButton(nameOf(label), () => this.#add(label));
    button.title = `Key ${key}`;
    button.setAttribute("aria-keyshortcuts", key);
    return button;
  }

  /** @param {string} label */
  async #add(label) {
    if (this.#cropId === null) {
      this.#showMessage(this.#whyNot);
      return;
    }
    const added = await this.#request("POST", "", { crop_id: this.#cropId, label });
    if (!added) return;
    this.#corrections.unshift(added);
    this.#showMessage(`Stored as ${nameOf(added.label)}.`, added.id);
    this.#showList();
  }

  /** @param {number} id */
  async #delete(id) {
    if (!(await this.#request("DELETE", `/${id}`))) return;
    this.#corrections = this.#corrections.filter((correction) => correction.id !== id);
    this.#showMessage("Deleted.");
    this.#showList();
  }

  async #load() {
    const answer = await this.#request("GET", "");
    this.#corrections = answer?.corrections ?? [];
    this.#hasMore = Boolean(answer?.next);
    this.#showList();
  }

  /**
   * Returns the answer; null after an error, which is shown.
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   */
  async #request(method, path, body) {
    const answer = await request(ADDRESS + path, method, body);
    if (!answer.error) return answer;
    this.#showMessage(answer.error);
    return null;
  }

  /**
   * @param {string} sentence
   * @param {number | ""} id - of the correction that can be undone
   */
  #showMessage(sentence, id = "") {
    this.#message.textContent = sentence;
    this.#undo.dataset.id = String(id);
    this.#undo.hidden = id === "";
  }

  #showList() {
    const list = find(this.#section, "details", HTMLDetailsElement);
    list.hidden = this.#corrections.length === 0;
    const count = `${this.#corrections.length}${this.#hasMore ? "+" : ""}`;
    find(list, "summary", HTMLElement).textContent = `Your corrections (${count})`;
    find(list, "ul", HTMLUListElement).replaceChildren(...this.#corrections.map((correction) => this.#makeItem(correction)));
  }

  /** @param {Correction} correction */
  #makeItem({ id, image, label, read_as, camera, at }) {
    const item = document.createElement("li");
    const readAs = `read as ${nameOf(read_as)}`;
    const title = `${camera}, ${new Date(at).toLocaleString()}: ${readAs}`;
    const button = makeButton("×", () => this.#delete(id));
    button.setAttribute("aria-label", `Delete the correction to ${nameOf(label)}`);
    item.append(
      Object.assign(document.createElement("img"), { src: image, alt: `Crop ${readAs}`, title }),
      Object.assign(document.createElement("b"), { textContent: nameOf(label) }),
      button,
    );
    return item;
  }
}
