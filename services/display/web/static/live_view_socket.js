// The live view's connection: pictures and camera states come in; what is painted and what is visible goes out.
//
// The display sends the next picture of a camera only when the last is painted, so a slow browser gets fewer pictures and
// never old ones. Only tiles that are in view get any, and none while the tab is in the background.

import { ReconnectingSocket } from "./reconnecting_socket.js";

/** @import { CameraState, CellState, Reading, ServerMessage } from "./types.d.ts" */

const decoder = new TextDecoder();

/**
 * @typedef {object} Handlers
 * @property {(reading: Reading, jpeg: Uint8Array<ArrayBuffer>) => void} picture
 * @property {(state: CameraState) => void} state
 * @property {(cell: CellState) => void} cell
 * @property {() => void} opened
 * @property {() => void} changed - the connection or the pipeline came or went
 */

export class LiveViewSocket {
  isPipelineUp = false;
  #handlers;
  #socket;

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    this.#socket = new ReconnectingSocket("/ws", {
      opened: () => this.#onOpen(),
      message: (message) => this.#onMessage(message),
      bytes: (data) => this.#onPicture(data),
      closed: () => this.#setPipelineUp(false),
    });
  }

  get isOpen() {
    return this.#socket.isOpen;
  }

  /** Why the display refuses this browser; "" if it does not. */
  get refusal() {
    return this.#socket.refusal;
  }

  /** The queue's clock in seconds; null until it is known. */
  now() {
    return this.#socket.clock.now();
  }

  /**
   * @param {string} camera
   * @param {number} seq
   */
  freeze(camera, seq) {
    return this.#socket.freezer.freeze(camera, seq);
  }

  /** @param {string} camera */
  sendPainted(camera) {
    this.#socket.sendMessage({ kind: "painted", camera });
  }

  /** @param {Iterable<string>} cameras */
  sendVisibleTiles(cameras) {
    this.#socket.sendMessage({ kind: "tiles", cameras: [...cameras] });
  }

  /** @param {boolean} visible */
  sendTabVisibility(visible) {
    this.#socket.sendMessage({ kind: "tab", visible });
  }

  #onOpen() {
    if (document.hidden) this.sendTabVisibility(false);
    this.#handlers.opened();
    this.#handlers.changed();
  }

  /** @param {ServerMessage} message */
  #onMessage(message) {
    if (message.kind === "state") this.#handlers.state(message);
    if (message.kind === "cell") this.#handlers.cell(message);
    if (message.kind === "pipeline") this.#setPipelineUp(message.up);
  }

  /** @param {boolean} isUp */
  #setPipelineUp(isUp) {
    this.isPipelineUp = isUp;
    this.#handlers.changed();
  }

  /**
   * 4 bytes length of the header, the header as JSON, the JPEG.
   * @param {ArrayBuffer} data
   */
  #onPicture(data) {
    const length = new DataView(data).getUint32(0);
    const reading = JSON.parse(decoder.decode(new Uint8Array(data, 4, length)));
    this.#handlers.picture(reading, new Uint8Array(data, 4 + length));
  }
}
