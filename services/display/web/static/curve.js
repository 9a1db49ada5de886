// The last minute of one measure as a line, a point a second. It is SVG: style.css gives it the colours of light and dark.

const SECONDS = 60;
const HIGH = 20; // units of the drawing; across, one unit is a second
const ROOM = 1.15; // so that the highest point does not touch the top

export class Curve {
  #element;
  #name;
  #unit;
  #least;
  #values = [];

  // element: an <svg>; least: what the top of the drawing stands for at least, so that jitter does not look like a storm
  constructor(element, { name, unit, least }) {
    this.#element = element;
    this.#name = name;
    this.#unit = unit;
    this.#least = least;
    element.setAttribute("viewBox", `0 0 ${SECONDS - 1} ${HIGH}`);
    element.setAttribute("preserveAspectRatio", "none");
    element.setAttribute("role", "img");
    this.#describe();
  }

  // value: of the last second, or null where there was none; that leaves a gap.
  add(value) {
    this.#values = [...this.#values, value].slice(-SECONDS);
    this.#element.firstElementChild.setAttribute("d", this.#path());
    this.#describe();
  }

  #path() {
    const top = Math.max(this.#least, ROOM * Math.max(...this.#values.filter((value) => value !== null)));
    const first = SECONDS - this.#values.length; // the newest is at the right
    const point = (value, i) => `${first + i} ${(HIGH * (1 - value / top)).toFixed(1)}`;
    return this.#values
      .map((value, i) => (value === null ? "" : `${(this.#values[i - 1] ?? null) === null ? "M" : "L"}${point(value, i)}`))
      .join("");
  }

  #describe() {
    const known = this.#values.filter((value) => value !== null).map(Math.round);
    const range = known.length ? `${Math.min(...known)} to ${Math.max(...known)} ${this.#unit}` : "nothing yet";
    this.#element.setAttribute("aria-label", `${this.#name} in the last minute: ${range}`);
  }
}
