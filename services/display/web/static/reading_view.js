// What a browser that is a camera shows: boxes over its own picture, the number, the best guesses for each digit, the
// latency and the rate. It also explains a place of the picture.

import { formatMs, levelOf } from "./age.js";
import { find, setText } from "./dom.js";
import { openExplanation } from "./explanation_panel.js";
import { FrameUplink } from "./frame_uplink.js";
import { copyPicture } from "./frozen_picture.js";
import { GuessesPanel, middleOf } from "./guesses_panel.js";
import { showNumbers } from "./numbers.js";
import { drawOverlay } from "./overlay.js";

/** @import { Box, Drawable, FrozenFrame, Place, Reading } from "./types.d.ts" */

const UPDATE_EVERY_MS = 250; // faster cannot be read
const SILENT_MS = 1000; // without a reading for this long, the last one no longer holds
const SMOOTHING = 0.2;
const NO_READING = { width: 0, height: 0, digits: [], numbers: [] };

export class ReadingView {
  uplink;
  isMirrored = false; // the picture on the screen; what is sent never is
  /** @type {(reading: Drawable) => Place[]} */
  findUnread = ({ numbers }) => numbers.flatMap(({ unread }) => unread.map(middleOf));
  marksGaps = true; // in the picture
  #source;
  #guesses = new GuessesPanel((place) => this.explain(place));
  /** @type {Reading | null} */
  #shown = null;
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
   * @param {HTMLCanvasElement | HTMLVideoElement} source
   * @param {string} placeholder - shown while there is no digit
   */
  constructor(kind, source, placeholder) {
    this.#source = source;
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

  /**
   * Opens the explanation of a place, in pixels of the picture that was read.
   * @param {Place} place
   */
  explain(place) {
    openExplanation({ name: this.uplink.camera, freeze: () => this.#freeze() }, place);
  }

  /**
   * Explains the place of a click on the picture.
   * @param {MouseEvent} event
   */
  explainClick({ clientX, clientY }) {
    if (!this.#shown) return;
    const { left, top, width, height } = this.#overlay.getBoundingClientRect();
    const across = (clientX - left) / width;
    this.explain({
      x: (this.isMirrored ? 1 - across : across) * this.#shown.width,
      y: ((clientY - top) / height) * this.#shown.height,
    });
  }

  /** @returns {FrozenFrame | null} */
  #freeze() {
    if (!this.#shown) return null;
    const { seq, width, height } = this.#shown;
    const picture = copyPicture(this.#source, width, height);
    return { id: this.uplink.freeze(seq), picture, reading: this.#shown, at: new Date() };
  }

  /** @param {Reading} reading */
  #onReading(reading) {
    this.#shown = reading;
    this.#readAt = performance.now();
    const ageMs = 1000 * this.uplink.ageOf(reading);
    this.#ageMs = isNaN(this.#ageMs) ? ageMs : this.#ageMs + SMOOTHING * (ageMs - this.#ageMs);
    this.#rateHz = reading.readings_per_s + reading.followed_per_s;
    this.#showReading(reading);
  }

  /** @param {Drawable} reading */
  #showReading(reading) {
    drawOverlay(this.#overlay, this.#asOnScreen(reading));
    const news = showNumbers(this.#output, reading.numbers, this.#placeholder);
    if (news !== null) this.#overlay.setAttribute("aria-label", news);
  }

  /**
   * Returns the reading with boxes as they lie on the screen.
   * @param {Drawable} reading
   * @returns {Drawable}
   */
  #asOnScreen(reading) {
    /** @type {(box: Box) => Box} */
    const flip = ([x, y, width, height]) => [this.isMirrored ? reading.width - x - width : x, y, width, height];
    return {
      ...reading,
      digits: reading.digits.map((digit) => ({ ...digit, box: flip(digit.box) })),
      numbers: reading.numbers.map((number) => ({
        ...number,
        box: flip(number.box),
        unread: this.marksGaps ? number.unread.map(flip) : [],
      })),
    };
  }

  #update() {
    const isSilent = performance.now() - this.#readAt > SILENT_MS;
    if (isSilent) {
      this.#ageMs = NaN;
      this.#shown = null;
      this.#showReading(NO_READING);
    }
    const { digits, numbers } = this.#shown ?? NO_READING;
    this.#guesses.show(digits, numbers, this.findUnread(this.#shown ?? NO_READING));
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
