// The last minute of one measure as a curve with a point a second. An SVG, so that CSS gives it the colors.

const SECONDS = 60;
const HEIGHT = 20; // units of the drawing; across, one unit is a second
const HEADROOM = 1.15; // so that the highest point does not touch the top

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} unit
 * @property {number} minTop - the least value at the top of the drawing, so that jitter does not fill it
 */

export class Sparkline {
  #path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  #element;
  #measure;
  /** @type {(number | null)[]} */
  #values = [];

  /**
   * @param {SVGSVGElement} element
   * @param {Measure} measure
   */
  constructor(element, measure) {
    this.#element = element;
    this.#measure = measure;
    element.setAttribute("viewBox", `0 0 ${SECONDS - 1} ${HEIGHT}`);
    element.setAttribute("preserveAspectRatio", "none");
    element.setAttribute("role", "img");
    element.replaceChildren(this.#path);
    this.#describe();
  }

  /**
   * Adds the value of the last second; null leaves a gap.
   * @param {number | null} value
   */
  add(value) {
    this.#values = [...this.#values, value].slice(-SECONDS);
    this.#path.setAttribute("d", this.#draw());
    this.#describe();
  }

  #draw() {
    const known = this.#values.filter((value) => value !== null);
    const top = Math.max(this.#measure.minTop, HEADROOM * Math.max(...known));
    const first = SECONDS - this.#values.length; // the newest is at the right
    return this.#values
      .map((value, i) => {
        if (value === null) return "";
        const command = (this.#values[i - 1] ?? null) === null ? "M" : "L";
        return `${command}${first + i} ${(HEIGHT * (1 - value / top)).toFixed(1)}`;
      })
      .join("");
  }

  #describe() {
    const known = this.#values.filter((value) => value !== null).map(Math.round);
    const range = known.length ? `${Math.min(...known)} to ${Math.max(...known)} ${this.#measure.unit}` : "no values yet";
    this.#element.setAttribute("aria-label", `${this.#measure.name} in the last minute: ${range}`);
  }
}
