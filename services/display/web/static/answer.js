// What comes back to a browser that is a camera: boxes over its own picture, the number, how long that took, how often.

import { formatMs, levelOf } from "./age.js";
import { showNumbers } from "./numbers.js";
import { paintOver } from "./paint.js";
import { Uplink } from "./uplink.js";

const SHOWN_EVERY_MS = 250; // faster cannot be read
const SILENT_MS = 1000; // without a reading for so long, what was read is no longer true
const SMOOTH = 0.2;
const NOTHING = { width: 0, digits: [], numbers: [] };

export class Answer {
  uplink;
  #overlay = document.getElementById("overlay");
  #output = document.querySelector("output");
  #age = document.querySelector(".age");
  #rate = document.querySelector(".rate dd");
  #status = document.getElementById("status");
  #nothing;
  #ageMs = null;
  #fps = 0;
  #readAt = -Infinity;
  #trouble = "";

  // kind: of the uplink; nothing: what is said while there is no digit
  constructor(kind, nothing) {
    this.#nothing = nothing;
    this.uplink = new Uplink(kind, { reading: (reading) => this.#show(reading), change: () => this.#showStatus() });
    setInterval(() => this.#refresh(), SHOWN_EVERY_MS);
    this.#showStatus();
  }

  // Why there are no pictures, in a sentence; "" when there are.
  setTrouble(sentence) {
    this.#trouble = sentence;
    this.#showStatus();
  }

  #show(reading) {
    this.#readAt = performance.now();
    const ageMs = 1000 * this.uplink.ageOf(reading);
    this.#ageMs = this.#ageMs === null ? ageMs : this.#ageMs + SMOOTH * (ageMs - this.#ageMs);
    this.#fps = reading.readings_per_s;
    this.#paint(reading);
  }

  #paint(reading) {
    paintOver(this.#overlay, reading);
    const said = showNumbers(this.#output, reading.numbers, this.#nothing);
    if (said !== null) this.#overlay.setAttribute("aria-label", said);
  }

  #refresh() {
    const isSilent = performance.now() - this.#readAt > SILENT_MS;
    if (isSilent) {
      this.#ageMs = null;
      this.#paint(NOTHING);
    }
    this.#age.dataset.level = isSilent ? "" : levelOf(this.#ageMs);
    this.#age.querySelector("dd").textContent = isSilent ? "–" : formatMs(this.#ageMs);
    this.#rate.textContent = isSilent ? "–" : String(Math.round(this.#fps));
  }

  #showStatus() {
    const { refusal, isOpen, isPipelineUp, camera } = this.uplink ?? {};
    const text =
      this.#trouble ||
      (refusal && `Not let in: ${refusal}`) ||
      (!isOpen && "Connecting") ||
      (!isPipelineUp && "The pipeline does not answer") ||
      `Live as camera ${camera}`;
    this.#status.dataset.level = this.#trouble || refusal ? "old" : isPipelineUp ? "fresh" : "late";
    if (this.#status.textContent !== text) this.#status.textContent = text; // a screen reader speaks each change
  }
}
