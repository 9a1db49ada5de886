// What a browser that is a camera shows: boxes over its own picture, the number, the latency and the rate.

import { formatMs, levelOf } from "./age.js";
import { find, setText } from "./dom.js";
import { FrameUplink } from "./frame_uplink.js";
import { showNumbers } from "./numbers.js";
import { drawOverlay } from "./overlay.js";

/** @import { Reading } from "./types.d.ts" */

const UPDATE_EVERY_MS = 250; // faster cannot be read
const SILENT_MS = 1000; // without a reading for this long, the last one no longer holds
const SMOOTHING = 0.2;
const NO_READING = { width: 0, height: 0, digits: [], numbers: [] };

export class ReadingView {
  uplink;
  #overlay = find(document, "#overlay", HTMLCanvasElement);
  #output = find(document, "output", HTMLOutputElement);
  #age = find(document, ".age", HTMLElement);
  #ageText = find(document, ".age dd", HTMLElement);
  #rate = find(document, ".rate dd", HTMLElement);
  #status = find(document, "#status", HTMLElement);
  #placeholder;
  #ageMs = NaN;
  #rateHz = 0;
  #readAt = -Infinity;
  #trouble = "";

  /**
   * @param {"browser" | "draw"} kind
   * @param {string} placeholder - shown while there is no digit
   */
  constructor(kind, placeholder) {
    this.#placeholder = placeholder;
    this.uplink = new FrameUplink(kind, {
      reading: (reading) => this.#onReading(reading),
      changed: () => this.#showStatus(),
    });
    setInterval(() => this.#update(), UPDATE_EVERY_MS);
    this.#showStatus();
  }

  /**
   * Sets why there are no pictures; "" if there are.
   * @param {string} sentence
   */
  setTrouble(sentence) {
    this.#trouble = sentence;
    this.#showStatus();
  }

  /** @param {Reading} reading */
  #onReading(reading) {
    this.#readAt = performance.now();
    const ageMs = 1000 * this.uplink.ageOf(reading);
    this.#ageMs = isNaN(this.#ageMs) ? ageMs : this.#ageMs + SMOOTHING * (ageMs - this.#ageMs);
    this.#rateHz = reading.readings_per_s;
    this.#showReading(reading);
  }

  /** @param {Pick<Reading, "width" | "height" | "digits" | "numbers">} reading */
  #showReading(reading) {
    drawOverlay(this.#overlay, reading);
    const news = showNumbers(this.#output, reading.numbers, this.#placeholder);
    if (news !== null) this.#overlay.setAttribute("aria-label", news);
  }

  #update() {
    const isSilent = performance.now() - this.#readAt > SILENT_MS;
    if (isSilent) {
      this.#ageMs = NaN;
      this.#showReading(NO_READING);
    }
    this.#age.dataset.level = isSilent ? "" : levelOf(this.#ageMs);
    this.#ageText.textContent = isSilent ? "–" : formatMs(this.#ageMs);
    this.#rate.textContent = isSilent ? "–" : String(Math.round(this.#rateHz));
  }

  #showStatus() {
    const { refusal = "", isOpen = false, isPipelineUp = false, camera = "" } = this.uplink ?? {};
    const text =
      this.#trouble ||
      (refusal && `Refused: ${refusal}`) ||
      (!isOpen && "Connecting") ||
      (!isPipelineUp && "The pipeline does not answer") ||
      `Live as camera ${camera}`;
    this.#status.dataset.level = this.#trouble || refusal ? "old" : isPipelineUp ? "fresh" : "late";
    setText(this.#status, text);
  }
}
