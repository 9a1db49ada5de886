// The queue's clock as this browser knows it, from the answer with the shortest round trip. Times in seconds.

const KEPT = 8; // clocks drift, so old answers are forgotten

export class QueueClock {
  /** @type {[roundTrip: number, offset: number][]} */
  #answers = [];

  /** Returns the message that asks for the clock. */
  question() {
    return { kind: "clock", sent_at: performance.now() };
  }

  /** @param {{sent_at: number, now: number}} answer */
  learn({ sent_at, now }) {
    const here = performance.now();
    const roundTrip = (here - sent_at) / 1000;
    this.#answers = /** @type {[number, number][]} */ ([
      ...this.#answers,
      [roundTrip, now + roundTrip / 2 - here / 1000],
    ]).slice(-KEPT);
  }

  /** Another display process, perhaps on another host, has another clock. */
  forget() {
    this.#answers = [];
  }

  /** Returns the queue's time; null until an answer came. */
  now() {
    if (this.#answers.length === 0) return null;
    const best = this.#answers.reduce((a, b) => (b[0] < a[0] ? b : a));
    return performance.now() / 1000 + best[1];
  }
}
