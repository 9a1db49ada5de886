// This browser as a camera: one picture is on its way until the display asks for the next, so none ever queues up.

import { Line } from "./line.js";

const CLOCK_ERROR_S = 0.005; // the clock may have been measured again since
const TAKEN_KEPT = 128; // 4 s at 30 pictures a second
const QUALITY = 0.85;
const LONG_SIDE_PX = 640; // the reader's pages are no larger

export class Uplink {
  camera = ""; // the name that it goes by
  isPipelineUp = false;
  #handlers;
  #line;
  #hasCredit = false;
  #isEncoding = false;
  #taken = []; // when the pictures sent lately were taken, by the queue's clock
  #canvas = document.createElement("canvas");

  // kind: "browser" or "draw"; handlers: reading(reading), change() when it is connected, named, or cut off
  constructor(kind, handlers) {
    this.#handlers = handlers;
    this.#line = new Line(`/${kind}/ws`, {
      opened: () => handlers.change(),
      word: (word) => this.#hear(word),
      bytes: () => {}, // it is told words only
      closed: () => this.#closed(),
    });
  }

  get isOpen() {
    return this.#line.isOpen;
  }

  // Why the display let nobody in; "" where it does.
  get refusal() {
    return this.#line.refusal;
  }

  // Whether a picture would be sent now.
  get isFree() {
    return this.isOpen && this.#hasCredit && !this.#isEncoding;
  }

  // How old in seconds the picture is of which this was read. The server may have called it younger, if the line is
  // slow; but it is the last that was taken before that, since the next is taken only when this one has arrived.
  ageOf({ captured_at, age_s }) {
    const now = this.#line.clock.now();
    const taken = this.#taken.findLast((at) => at <= captured_at + CLOCK_ERROR_S);
    return now === null ? age_s : now - (taken ?? captured_at);
  }

  // source: what a canvas can draw, width x height pixels; takenAt: of performance.now()
  async send(source, width, height, takenAt = performance.now()) {
    if (!this.isFree || !width || !height) return;
    this.#isEncoding = true;
    const scale = Math.min(1, LONG_SIDE_PX / Math.max(width, height));
    Object.assign(this.#canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    this.#canvas.getContext("2d", { alpha: false }).drawImage(source, 0, 0, this.#canvas.width, this.#canvas.height);
    const jpeg = await new Promise((done) => this.#canvas.toBlob(done, "image/jpeg", QUALITY));
    this.#isEncoding = false;
    if (!jpeg || !this.isFree) return;
    this.#hasCredit = false;
    const head = new DataView(new ArrayBuffer(8));
    const now = this.#line.clock.now();
    const taken = now === null ? NaN : now - (performance.now() - takenAt) / 1000;
    this.#taken = [...this.#taken, taken].slice(-TAKEN_KEPT);
    head.setFloat64(0, taken);
    this.#line.send(new Blob([head, jpeg]));
  }

  #closed() {
    this.#hasCredit = this.isPipelineUp = false;
    this.#handlers.change();
  }

  #hear(word) {
    if (word.kind === "reading") this.#handlers.reading(word);
    if (word.kind === "credit") this.#hasCredit = true;
    if (word.kind === "welcome") this.camera = word.camera;
    if (word.kind === "pipeline") this.isPipelineUp = word.up;
    if (word.kind === "welcome" || word.kind === "pipeline") this.#handlers.change();
  }
}
