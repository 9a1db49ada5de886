// What the live view says and hears: pictures and states in, what was painted and what is looked at out.
//
// The server sends the next picture of a camera only when the last was painted, so a slow browser sees fewer pictures
// and never old ones. A tab in the background says that it does not look, and a tile scrolled away that it is not seen.

import { Line } from "./line.js";

const decoder = new TextDecoder();

export class Link {
  isPipelineUp = false;
  #handlers;
  #line;

  // handlers: picture(header, jpeg bytes), state(state), opened(), change() when connection or pipeline come or go
  constructor(handlers) {
    this.#handlers = handlers;
    this.#line = new Line("/ws", {
      opened: () => this.#opened(),
      word: (word) => this.#hear(word),
      bytes: (message) => this.#see(message),
      closed: () => this.#turn(false),
    });
  }

  get isOpen() {
    return this.#line.isOpen;
  }

  // Why the server let nobody in; "" where it does.
  get refusal() {
    return this.#line.refusal;
  }

  // The queue's clock in seconds; null until it has been heard.
  now() {
    return this.#line.clock.now();
  }

  painted(camera) {
    this.#line.say({ kind: "painted", camera });
  }

  sight(camera, seen) {
    this.#line.say({ kind: "sight", camera, seen });
  }

  look(looking) {
    this.#line.say({ kind: "looking", looking });
  }

  #opened() {
    if (document.hidden) this.look(false);
    this.#handlers.opened();
    this.#handlers.change();
  }

  #hear(word) {
    if (word.kind === "state") this.#handlers.state(word);
    if (word.kind === "pipeline") this.#turn(word.up);
  }

  #turn(isUp) {
    this.isPipelineUp = isUp;
    this.#handlers.change();
  }

  // 4 bytes length of the header, the header as JSON, the JPEG.
  #see(message) {
    const length = new DataView(message).getUint32(0);
    const header = JSON.parse(decoder.decode(new Uint8Array(message, 4, length)));
    this.#handlers.picture(header, new Uint8Array(message, 4 + length));
  }
}
