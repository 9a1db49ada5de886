// This browser as a camera: one picture is on its way until the display asks for the next, so none ever queues up.

import { QueueClock } from "./clock.js";

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 4000;
const CLOCK_EVERY_MS = 10_000;
const CLOCKS_AT_START_MS = [0, 300, 900, 2000];
const CLOCK_ERROR_S = 0.005; // the clock may have been measured again since
const TAKEN_KEPT = 128; // 4 s at 30 pictures a second
const QUALITY = 0.85;
const LONG_SIDE_PX = 640; // the reader's pages are no larger

export class Uplink {
  camera = ""; // the name that it goes by
  isPipelineUp = false;
  refusal = "";
  #kind;
  #handlers;
  #socket = null;
  #clock = new QueueClock();
  #delayMs = FIRST_DELAY_MS;
  #hasCredit = false;
  #isEncoding = false;
  #taken = []; // when the pictures sent lately were taken, by the queue's clock
  #canvas = document.createElement("canvas");

  // kind: "browser" or "draw"; handlers: reading(reading), change() when it is connected, named, or cut off
  constructor(kind, handlers) {
    this.#kind = kind;
    this.#handlers = handlers;
    this.#connect();
    setInterval(() => this.#say(this.#clock.question()), CLOCK_EVERY_MS);
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  // Whether a picture would be sent now.
  get isFree() {
    return this.isOpen && this.#hasCredit && !this.#isEncoding;
  }

  // How old in seconds the picture is of which this was read. The server may have called it younger, if the line is
  // slow; but it is the last that was taken before that, since the next is taken only when this one has arrived.
  ageOf({ captured_at, age_s }) {
    const now = this.#clock.now();
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
    const now = this.#clock.now();
    const taken = now === null ? NaN : now - (performance.now() - takenAt) / 1000;
    this.#taken = [...this.#taken, taken].slice(-TAKEN_KEPT);
    head.setFloat64(0, taken);
    this.#socket.send(new Blob([head, jpeg]));
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(`${scheme}//${location.host}/${this.#kind}/ws`);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    this.#socket.onclose = (event) => this.#closed(event);
  }

  #opened() {
    this.refusal = "";
    this.#delayMs = FIRST_DELAY_MS;
    this.#clock.forget();
    for (const delay of CLOCKS_AT_START_MS) setTimeout(() => this.#say(this.#clock.question()), delay);
    this.#handlers.change();
  }

  #closed({ code, reason }) {
    this.#hasCredit = this.isPipelineUp = false;
    this.refusal = code === 1013 || code === 1008 ? reason : "";
    setTimeout(() => this.#connect(), this.#delayMs);
    this.#delayMs = Math.min(LAST_DELAY_MS, this.#delayMs * 2);
    this.#handlers.change();
  }

  #hear(word) {
    if (word.kind === "reading") this.#handlers.reading(word);
    if (word.kind === "clock") this.#clock.learn(word);
    if (word.kind === "credit") this.#hasCredit = true;
    if (word.kind === "welcome") this.camera = word.camera;
    if (word.kind === "pipeline") this.isPipelineUp = word.up;
    if (word.kind === "welcome" || word.kind === "pipeline") this.#handlers.change();
  }

  #say(word) {
    if (this.isOpen) this.#socket.send(JSON.stringify(word));
  }
}
