// The queue's clock as this browser knows it: taken from the answer that came back fastest. Times are in seconds.

const KEPT = 8; // clocks drift, so old answers are forgotten

export class QueueClock {
  #answers = []; // [round trip, difference to the queue's clock]

  // The word that asks for it.
  question() {
    return { kind: "clock", asked: performance.now() };
  }

  learn({ asked, now }) {
    const here = performance.now();
    const roundTrip = (here - asked) / 1000;
    this.#answers = [...this.#answers, [roundTrip, now + roundTrip / 2 - here / 1000]].slice(-KEPT);
  }

  // Another display process, perhaps on another host, has another clock.
  forget() {
    this.#answers = [];
  }

  // The queue's time; null until it has been heard.
  now() {
    if (this.#answers.length === 0) return null;
    const best = this.#answers.reduce((a, b) => (b[0] < a[0] ? b : a));
    return performance.now() / 1000 + best[1];
  }
}
