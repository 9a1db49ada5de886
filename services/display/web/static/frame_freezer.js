// Asks the display to keep a frame that is on the screen: explanations and corrections can then speak of it for long.

/** @import { ServerMessage } from "./types.d.ts" */
/** @typedef {Extract<ServerMessage, {kind: "frozen"}>} Answer */

export class FrameFreezer {
  #send;
  /** @type {{camera: string, seq: number, resolve: (id: number | null) => void}[]} */
  #waiting = [];

  /** @param {(message: object) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Returns the id by which /api/frames knows the frame; null if the display no longer has it, or does not answer.
   * @param {string} camera
   * @param {number} seq
   * @returns {Promise<number | null>}
   */
  freeze(camera, seq) {
    return new Promise((resolve) => {
      this.#waiting.push({ camera, seq, resolve });
      this.#send({ kind: "freeze", camera, seq });
    });
  }

  /** @param {Answer} answer */
  handle({ camera, seq, frame_id }) {
    this.#settle((each) => each.camera === camera && each.seq === seq, frame_id);
  }

  /** Answers what waits, because the connection is lost. */
  giveUp() {
    this.#settle(() => true, null);
  }

  /**
   * @param {(each: {camera: string, seq: number}) => boolean} isMeant
   * @param {number | null} id
   */
  #settle(isMeant, id) {
    for (const each of this.#waiting.filter(isMeant)) each.resolve(id);
    this.#waiting = this.#waiting.filter((each) => !isMeant(each));
  }
}
