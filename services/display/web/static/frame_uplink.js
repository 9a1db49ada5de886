// This browser as a camera: one frame is on its way until the display gives credit for the next, so none queues up.

import { ReconnectingSocket } from "./reconnecting_socket.js";

/** @import { Reading, ServerMessage } from "./types.d.ts" */

const CLOCK_ERROR_S = 0.005; // the clock may have been measured again since
const KEPT_TIMES = 128; // 4 s at 30 frames/s
const QUALITY = 0.85;
const LONG_SIDE_PX = 640; // gray frames are no larger

/**
 * @typedef {object} Handlers
 * @property {(reading: Reading) => void} reading
 * @property {() => void} changed - connected, named, or cut off
 */

export class FrameUplink {
  camera = ""; // the name that the display gave
  isPipelineUp = false;
  #handlers;
  #socket;
  #hasCredit = false;
  #isEncoding = false;
  /** @type {number[]} */
  #capturedAt = []; // of the frames sent lately, by the queue's clock
  #canvas = document.createElement("canvas");

  /**
   * @param {"browser" | "draw"} kind
   * @param {Handlers} handlers
   */
  constructor(kind, handlers) {
    this.#handlers = handlers;
    this.#socket = new ReconnectingSocket(`/${kind}/ws`, {
      opened: () => handlers.changed(),
      message: (message) => this.#onMessage(message),
      closed: () => this.#onClose(),
    });
  }

  get isOpen() {
    return this.#socket.isOpen;
  }

  /** Why the display refuses this browser; "" if it does not. */
  get refusal() {
    return this.#socket.refusal;
  }

  /**
   * Asks the display to keep the frame of a reading.
   * @param {number} seq
   */
  freeze(seq) {
    return this.#socket.freezer.freeze(this.camera, seq);
  }

  /** Whether a frame would be sent now. */
  get isReady() {
    return this.isOpen && this.#hasCredit && !this.#isEncoding;
  }

  /**
   * Returns the age in seconds of a reading's frame. On a slow line the display understates the age; but the frame is the
   * last one captured before the stated time, since the next is captured only when this one has arrived.
   * @param {Reading} reading
   */
  ageOf({ captured_at, age_s }) {
    const now = this.#socket.clock.now();
    const capturedAt = this.#capturedAt.findLast((at) => at <= captured_at + CLOCK_ERROR_S);
    return now === null ? age_s : now - (capturedAt ?? captured_at);
  }

  /**
   * Returns the size in which a picture of this size is sent.
   * @param {number} width - in pixels
   * @param {number} height
   */
  sizeOf(width, height) {
    const scale = Math.min(1, LONG_SIDE_PX / Math.max(width, height));
    return { width: Math.round(width * scale), height: Math.round(height * scale) };
  }

  /**
   * @param {CanvasImageSource} source
   * @param {number} width - in pixels
   * @param {number} height
   * @param {number} capturedAt - of performance.now()
   */
  async send(source, width, height, capturedAt = performance.now()) {
    if (!this.isReady || !width || !height) return;
    this.#isEncoding = true;
    const canvas = Object.assign(this.#canvas, this.sizeOf(width, height));
    canvas.getContext("2d", { alpha: false })?.drawImage(source, 0, 0, canvas.width, canvas.height);
    /** @type {Blob | null} */
    const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    this.#isEncoding = false;
    if (!jpeg || !this.isReady) return;
    this.#hasCredit = false;
    const head = new DataView(new ArrayBuffer(8));
    const now = this.#socket.clock.now();
    const queueTime = now === null ? NaN : now - (performance.now() - capturedAt) / 1000;
    this.#capturedAt = [...this.#capturedAt, queueTime].slice(-KEPT_TIMES);
    head.setFloat64(0, queueTime);
    this.#socket.send(new Blob([head, jpeg]));
  }

  #onClose() {
    this.#hasCredit = this.isPipelineUp = false;
    this.#handlers.changed();
  }

  /** @param {ServerMessage} message */
  #onMessage(message) {
    if (message.kind === "reading") this.#handlers.reading(message);
    if (message.kind === "credit") this.#hasCredit = true;
    if (message.kind === "welcome") this.camera = message.camera;
    if (message.kind === "pipeline") this.isPipelineUp = message.up;
    if (message.kind === "welcome" || message.kind === "pipeline") this.#handlers.changed();
  }
}
