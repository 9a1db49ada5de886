// The tile of one camera: its picture with the reading, the numbers in large type, the age and the frame rate.

import { FRESH_MS, formatMs, levelOf } from "./age.js";
import { cloneTemplate, find } from "./dom.js";
import { copyPicture } from "./frozen_picture.js";
import { showNumbers } from "./numbers.js";
import { drawPicture } from "./overlay.js";
import { Sparkline } from "./sparkline.js";

/** @import { Digit, FrozenFrame, NumberText, Outage, Place, Reading } from "./types.d.ts" */

const SMOOTHING = 0.2; // weight of the newest age: a single late frame does not make the figure jump
const SILENT_S = 0.5; // without a new picture for this long, the age is that of the picture on the screen
const REACH = 0.15; // of a digit's height: a click this far outside of its ink still means it
const ALL_READ = 0.9; // from this share of frames that are read or followed, the rate of readings is not shown
/** @type {{numbers: NumberText[], fps: number, readings_per_s: number, followed_per_s: number}} */
const NO_READING = { numbers: [], fps: 0, readings_per_s: 0, followed_per_s: 0 };

/** @type {Record<string, string>} */
const TROUBLES = {
  connecting: "Connecting",
  frozen: "Frozen",
  blocked: "Not answering",
  absent: "Not connected",
  ended: "Ended",
  down: "Capture is down",
  unreachable: "Unreachable",
};

/**
 * @typedef {object} Handlers
 * @property {() => void} painted - the last picture is on the screen, or broken
 * @property {(visible: boolean) => void} visibility - the tile was scrolled into view or out of it
 * @property {() => void} enlarge
 * @property {(place: Place) => void} explain
 * @property {(seq: number) => Promise<number | null>} freeze - asks the display to keep a frame
 */

export class CameraTile {
  isLive = false;
  isEnlarged = false;
  isVisible = false;
  element = cloneTemplate("tile");
  #camera;
  #handlers;
  #canvas = find(this.element, "canvas", HTMLCanvasElement);
  #age = find(this.element, ".age", HTMLElement);
  #ageText = find(this.element, ".age dd", HTMLElement);
  #time = find(this.element, "time", HTMLTimeElement);
  /** @type {Outage} */
  #state = { state: "connecting", detail: "", since: new Date() };
  /** @type {Outage | null} */
  #outage = null; // of the connection or the pipeline
  /** @type {{reading: Reading, bitmap: ImageBitmap} | null} */
  #shown = null;
  #hasUnpainted = false;
  #ageMs = NaN;
  #maxAgeMs = NaN; // in this second
  #paintedAt = 0;
  #arrivedAt = 0;
  #sparklines;
  #observer = new IntersectionObserver((entries) => this.#setVisible(entries.at(-1)?.isIntersecting ?? false));

  /**
   * @param {string} camera
   * @param {Handlers} handlers
   */
  constructor(camera, handlers) {
    this.#camera = camera;
    this.#handlers = handlers;
    this.element.setAttribute("aria-label", `Camera ${camera}`);
    find(this.element, "h2", HTMLElement).textContent = camera;
    const enlarge = find(this.element, ".enlarge", HTMLButtonElement);
    enlarge.setAttribute("aria-label", `Enlarge ${camera}`);
    enlarge.addEventListener("click", handlers.enlarge);
    const explain = find(this.element, ".explain", HTMLButtonElement);
    explain.setAttribute("aria-label", `Explain the reading of ${camera}`);
    explain.addEventListener("click", () => handlers.explain(this.#mainPlace()));
    this.#canvas.addEventListener("click", (event) => this.#onClick(event));
    this.#sparklines = {
      age: new Sparkline(find(this.element, ".age svg", SVGSVGElement), { name: "Age", unit: "ms", minTop: 2 * FRESH_MS }),
      rate: new Sparkline(find(this.element, ".rate svg", SVGSVGElement), { name: "Frames a second", unit: "", minTop: 10 }),
    };
    this.#observer.observe(this.element);
    new ResizeObserver(() => this.#paint()).observe(this.#canvas);
    this.#showState();
  }

  /**
   * Explains the digit that was clicked, or any place of an enlarged picture; otherwise enlarges the picture.
   * @param {MouseEvent} event
   */
  #onClick({ offsetX, offsetY }) {
    if (this.#shown && this.isLive) {
      const { reading, bitmap } = this.#shown;
      const x = (offsetX / this.#canvas.clientWidth) * bitmap.width;
      const y = (offsetY / this.#canvas.clientHeight) * bitmap.height;
      const isOnDigit = reading.digits.some(({ box: [left, top, width, height] }) => {
        const reach = REACH * height;
        return x >= left - reach && x <= left + width + reach && y >= top - reach && y <= top + height + reach;
      });
      if (isOnDigit || this.isEnlarged) {
        this.#handlers.explain({ x, y });
        return;
      }
    }
    this.#handlers.enlarge();
  }

  /**
   * Keeps the picture on the screen; null if there is none yet.
   * @returns {FrozenFrame | null}
   */
  freeze() {
    if (!this.#shown) return null;
    const { reading, bitmap } = this.#shown;
    return { id: this.#handlers.freeze(reading.seq), picture: copyPicture(bitmap), reading, at: new Date() };
  }

  /** Returns the place to explain without a mouse: the largest digit, or the middle of the picture. */
  #mainPlace() {
    /** @type {Digit[]} */
    const digits = [...(this.#shown?.reading.digits ?? [])].sort((a, b) => b.box[3] - a.box[3]);
    if (digits[0]) {
      const [x, y, width, height] = digits[0].box;
      return { x: x + width / 2, y: y + height / 2 };
    }
    return { x: (this.#shown?.bitmap.width ?? 0) / 2, y: (this.#shown?.bitmap.height ?? 0) / 2 };
  }

  /**
   * Decodes a picture off the main thread and paints it with the next screen refresh.
   * @param {Reading} reading
   * @param {Uint8Array<ArrayBuffer>} jpeg
   */
  async showPicture(reading, jpeg) {
    this.#arrivedAt = performance.now();
    try {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      this.#shown?.bitmap.close();
      this.#shown = { reading, bitmap };
    } catch {
      this.#handlers.painted(); // a broken picture: keep the last one, whose age goes on growing, and request the next
      return;
    }
    this.#hasUnpainted = true;
    requestAnimationFrame(() => this.#paintNew());
  }

  /** @param {boolean} isVisible */
  #setVisible(isVisible) {
    if (isVisible !== this.isVisible) this.#handlers.visibility(isVisible);
    this.isVisible = isVisible;
    this.#paintNew();
  }

  #paintNew() {
    if (!this.#shown || !this.#hasUnpainted || !this.isVisible) return;
    this.#hasUnpainted = false;
    this.#paint();
    if (this.isLive) this.#showReading(this.#shown.reading);
    this.#paintedAt = performance.now();
    this.#handlers.painted();
  }

  #paint() {
    if (this.#shown) drawPicture(this.#canvas, this.#shown.bitmap, this.#shown.reading);
  }

  /** @param {Outage} state */
  setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#showState();
  }

  /** Removes the tile, which is then no longer in view. */
  close() {
    this.#observer.disconnect();
    this.element.remove();
    this.#setVisible(false);
    this.#shown?.bitmap.close();
    this.#shown = null;
  }

  /**
   * Sets what keeps all cameras from this browser, or null.
   * @param {Outage | null} outage
   */
  setOutage(outage) {
    this.#outage = outage;
    this.#showState();
  }

  #showState() {
    const { state, detail, since } = this.#outage ?? this.#state;
    this.isLive = state === "live";
    this.element.dataset.state = state;
    find(this.element, ".trouble strong", HTMLElement).textContent = TROUBLES[state] ?? "";
    find(this.element, ".detail", HTMLElement).textContent = detail;
    this.#time.dateTime = since.toISOString();
    this.#time.textContent = `since ${since.toLocaleTimeString()}`;
    if (!this.isLive) this.#showReading(NO_READING);
  }

  /** @param {Pick<Reading, "numbers" | "fps" | "readings_per_s" | "followed_per_s">} reading */
  #showReading({ numbers, fps, readings_per_s, followed_per_s }) {
    const news = showNumbers(find(this.element, "output", HTMLOutputElement), numbers, this.isLive ? "No digit in sight" : "");
    if (news !== null) this.#canvas.setAttribute("aria-label", `Picture of ${this.#camera}. ${news}`);
    const readings = readings_per_s + followed_per_s < ALL_READ * fps ? ` (${Math.round(readings_per_s)} read)` : "";
    find(this.element, ".rate dd", HTMLElement).textContent = `${Math.round(fps)}${readings}`;
  }

  /** @param {boolean} isEnlarged */
  setEnlarged(isEnlarged) {
    this.isEnlarged = isEnlarged;
    this.element.classList.toggle("enlarged", isEnlarged);
    find(this.element, ".enlarge", HTMLButtonElement).setAttribute("aria-pressed", String(isEnlarged));
  }

  /**
   * Updates the age of the picture.
   * @param {number | null} now - the queue's clock in seconds; null while it is unknown
   */
  showAge(now) {
    if (!this.#shown || !this.#paintedAt) return;
    const { captured_at, age_s } = this.#shown.reading;
    const sincePaintMs = performance.now() - this.#paintedAt;
    const onScreenMs = 1000 * (now === null ? age_s : now - captured_at);
    const paintedMs = now === null ? 1000 * age_s + this.#paintedAt - this.#arrivedAt : onScreenMs - sincePaintMs;
    const isSilent = sincePaintMs > 1000 * SILENT_S;
    this.#ageMs = isSilent || isNaN(this.#ageMs) ? onScreenMs : this.#ageMs + SMOOTHING * (paintedMs - this.#ageMs);
    this.#maxAgeMs = Math.max(0, isNaN(this.#maxAgeMs) ? 0 : this.#maxAgeMs, this.#ageMs);
    const ageMs = Math.max(0, this.#ageMs);
    const level = levelOf(ageMs);
    this.#age.dataset.level = level;
    this.#age.title = `${level}: captured ${Math.round(ageMs)} ms before it was painted`;
    this.#ageText.textContent = formatMs(ageMs);
  }

  /** Adds the last second to the sparklines; a gap if nothing was visible. */
  addSecond() {
    const isSeen = this.isLive && this.isVisible && !document.hidden;
    this.#sparklines.age.add(isSeen && !isNaN(this.#maxAgeMs) ? this.#maxAgeMs : null);
    this.#sparklines.rate.add(isSeen && this.#shown ? this.#shown.reading.fps : null);
    this.#maxAgeMs = NaN;
  }
}
