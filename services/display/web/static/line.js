// A WebSocket to the display that comes back when it is lost, with the queue's clock on it.
//
// A line that is cut without a word (a laptop that sleeps, a router that loses power) is noticed by a question about the
// clock that stays without an answer, long before the system gives it up.

import { QueueClock } from "./clock.js";

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 4000;
const ASK_EVERY_MS = 10_000;
const ASK_AT_START_MS = [0, 300, 900, 2000]; // the first answer comes while the page still loads: ask again
const REFUSED = [1008, 1013]; // the codes of a display that lets nobody in

export class Line {
  clock = new QueueClock();
  refusal = ""; // why the display let nobody in; it is asked again all the same
  #path;
  #handlers;
  #socket = null;
  #delayMs = FIRST_DELAY_MS;
  #isUnanswered = false;

  // handlers: opened(), word(object), bytes(ArrayBuffer), closed()
  constructor(path, handlers) {
    this.#path = path;
    this.#handlers = handlers;
    this.#connect();
    setInterval(() => this.#check(), ASK_EVERY_MS);
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  say(word) {
    this.send(JSON.stringify(word));
  }

  send(data) {
    if (this.isOpen) this.#socket.send(data);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(`${scheme}//${location.host}${this.#path}`);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }) => this.#hear(data);
    this.#socket.onclose = (event) => this.#closed(event);
  }

  #opened() {
    this.clock.forget();
    for (const delay of ASK_AT_START_MS) setTimeout(() => this.say(this.clock.question()), delay);
    this.#handlers.opened();
  }

  // A display that is full lets everybody in to tell them so: only who hears something else has been let in.
  #hear(data) {
    this.#isUnanswered = false;
    this.#delayMs = FIRST_DELAY_MS;
    this.refusal = "";
    if (typeof data !== "string") return this.#handlers.bytes(data);
    const word = JSON.parse(data);
    if (word.kind === "clock") this.clock.learn(word);
    else this.#handlers.word(word);
  }

  #closed({ code, reason }) {
    this.#isUnanswered = false;
    this.refusal = REFUSED.includes(code) ? reason : "";
    setTimeout(() => this.#connect(), this.#delayMs);
    this.#delayMs = Math.min(LAST_DELAY_MS, this.#delayMs * 2);
    this.#handlers.closed();
  }

  #check() {
    if (!this.isOpen) return;
    if (this.#isUnanswered) return this.#giveUp();
    this.#isUnanswered = true;
    this.say(this.clock.question());
  }

  #giveUp() {
    const lost = this.#socket;
    lost.onmessage = lost.onclose = null; // it would be heard of again when the system gives it up
    lost.close();
    this.#closed({ code: 1006, reason: "" });
  }
}
