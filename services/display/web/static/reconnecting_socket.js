// A WebSocket to the display that reconnects when it is lost, keeps the queue's clock, and freezes frames.
//
// A connection that is cut without notice (a laptop sleeps, a router loses power) is detected by a clock request that
// stays without an answer, long before the operating system gives it up.

import { FrameFreezer } from "./frame_freezer.js";
import { QueueClock } from "./queue_clock.js";

/** @import { ServerMessage } from "./types.d.ts" */

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 4000;
const CHECK_EVERY_MS = 10_000;
const CLOCK_AT_START_MS = [0, 300, 900, 2000]; // the first answer comes while the page still loads: ask again
const LOST = 1006; // the close code of a connection that was lost or never made
const REFUSED = [1008, 1013]; // close codes of a display that refuses this browser

/**
 * @typedef {object} Handlers
 * @property {() => void} opened
 * @property {(message: ServerMessage) => void} message
 * @property {(data: ArrayBuffer) => void} [bytes]
 * @property {() => void} closed
 */

export class ReconnectingSocket {
  clock = new QueueClock();
  freezer = new FrameFreezer((message) => this.#sendOrGiveUp(message));
  refusal = ""; // why the display refuses this browser; it tries again all the same
  #path;
  #handlers;
  /** @type {WebSocket} */
  #socket;
  #delayMs = FIRST_DELAY_MS;
  #isUnanswered = false;

  /**
   * @param {string} path
   * @param {Handlers} handlers
   */
  constructor(path, handlers) {
    this.#path = path;
    this.#handlers = handlers;
    this.#socket = this.#connect();
    setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** @param {object} message */
  sendMessage(message) {
    this.send(JSON.stringify(message));
  }

  /** @param {string | Blob} data */
  send(data) {
    if (this.isOpen) this.#socket.send(data);
  }

  /** @param {object} message */
  #sendOrGiveUp(message) {
    if (this.isOpen) this.sendMessage(message);
    else this.freezer.giveUp();
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.#path}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#onOpen();
    socket.onmessage = ({ data }) => this.#onMessage(data);
    socket.onclose = (event) => this.#onClose(event);
    return socket;
  }

  #onOpen() {
    this.clock.forget();
    for (const delay of CLOCK_AT_START_MS) setTimeout(() => this.sendMessage(this.clock.question()), delay);
    this.#handlers.opened();
  }

  /**
   * A display that is full accepts the connection to say so, and closes it: only a message proves that this browser is in.
   * @param {string | ArrayBuffer} data
   */
  #onMessage(data) {
    this.#isUnanswered = false;
    this.#delayMs = FIRST_DELAY_MS;
    this.refusal = "";
    if (typeof data !== "string") {
      this.#handlers.bytes?.(data);
      return;
    }
    /** @type {ServerMessage} */
    const message = JSON.parse(data);
    if (message.kind === "clock") this.clock.learn(message);
    else if (message.kind === "frozen") this.freezer.handle(message);
    else this.#handlers.message(message);
  }

  /** @param {{code: number, reason: string}} event */
  #onClose({ code, reason }) {
    this.#isUnanswered = false;
    this.freezer.giveUp();
    this.refusal = REFUSED.includes(code) ? reason : "";
    if (code === LOST) this.#checkSession();
    setTimeout(() => (this.#socket = this.#connect()), this.#delayMs);
    this.#delayMs = Math.min(LAST_DELAY_MS, this.#delayMs * 2);
    this.#handlers.closed();
  }

  /** A browser does not tell why a WebSocket was refused, but it does for any other request to the same address. */
  async #checkSession() {
    const status = await fetch(this.#path).then((response) => response.status, () => 0);
    if (status !== 401) return;
    this.refusal = "this browser is signed out. Reload the page to sign in";
    this.#handlers.closed();
  }

  #check() {
    if (!this.isOpen) return;
    if (this.#isUnanswered) {
      this.#giveUp();
    } else {
      this.#isUnanswered = true;
      this.sendMessage(this.clock.question());
    }
  }

  #giveUp() {
    const lost = this.#socket;
    lost.onmessage = lost.onclose = null; // the operating system reports the lost connection much later
    lost.close();
    this.#onClose({ code: LOST, reason: "" });
  }
}
