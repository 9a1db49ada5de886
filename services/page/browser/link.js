// The connection to the display: takes pictures and states in, says what was painted, and comes back when it is lost.
//
// The server sends the next picture of a camera only when the last was painted, so a slow browser sees fewer pictures
// and never old ones. A tab in the background says that it does not look, and a tile scrolled away that it is not seen.

import { QueueClock } from "./clock.js";

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 4000;
const CLOCK_EVERY_MS = 10_000;
const CLOCKS_AT_START_MS = [0, 300, 900, 2000]; // the first answer comes while the page still loads: ask again

const decoder = new TextDecoder();

export class Link {
  isOpen = false;
  isPipelineUp = false;
  refusal = ""; // why the server let nobody in; it is asked again all the same
  #socket = null;
  #delayMs = FIRST_DELAY_MS;
  #clock = new QueueClock();
  #handlers;

  // handlers: picture(header, jpeg bytes), state(state), opened(), change() when connection or pipeline come or go
  constructor(handlers) {
    this.#handlers = handlers;
    this.#connect();
    setInterval(() => this.#askClock(), CLOCK_EVERY_MS);
  }

  // The queue's clock in seconds; null until it has been heard.
  now() {
    return this.#clock.now();
  }

  painted(camera) {
    this.#say({ kind: "painted", camera });
  }

  sight(camera, seen) {
    this.#say({ kind: "sight", camera, seen });
  }

  look(looking) {
    this.#say({ kind: "looking", looking });
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(`${scheme}//${location.host}/ws`);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#hear(JSON.parse(data)) : this.#see(data));
    this.#socket.onclose = (event) => this.#closed(event);
  }

  #opened() {
    this.isOpen = true;
    this.refusal = "";
    this.#delayMs = FIRST_DELAY_MS;
    this.#clock.forget();
    for (const delay of CLOCKS_AT_START_MS) setTimeout(() => this.#askClock(), delay);
    if (document.hidden) this.look(false);
    this.#handlers.opened();
    this.#handlers.change();
  }

  #closed({ code, reason }) {
    this.isOpen = this.isPipelineUp = false;
    this.refusal = code === 1013 || code === 1008 ? reason : "";
    setTimeout(() => this.#connect(), this.#delayMs);
    this.#delayMs = Math.min(LAST_DELAY_MS, this.#delayMs * 2);
    this.#handlers.change();
  }

  #hear(word) {
    if (word.kind === "state") this.#handlers.state(word);
    if (word.kind === "clock") this.#clock.learn(word);
    if (word.kind === "pipeline") {
      this.isPipelineUp = word.up;
      this.#handlers.change();
    }
  }

  // 4 bytes length of the header, the header as JSON, the JPEG.
  #see(message) {
    const length = new DataView(message).getUint32(0);
    const header = JSON.parse(decoder.decode(new Uint8Array(message, 4, length)));
    this.#handlers.picture(header, new Uint8Array(message, 4 + length));
  }

  #askClock() {
    this.#say(this.#clock.question());
  }

  #say(word) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(word));
  }
}
