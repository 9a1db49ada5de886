// The "Pipeline status" panel: the last minute of each stage as sparklines. No requests while it is closed or hidden.

import { request } from "./api.js";
import { cloneTemplate, find, setText } from "./dom.js";
import { Sparkline } from "./sparkline.js";

/** @import { Stage } from "./types.d.ts" */

const REQUEST_EVERY_MS = 1000;

/**
 * @typedef {object} Measure
 * @property {string} name
 * @property {string} unit
 * @property {number} minTop - the least value at the top of the sparkline
 * @property {number} [decimals]
 * @property {(stage: Stage) => number | null} of
 */

/** @type {Measure[]} */
const MEASURES = [
  { name: "frames/s", unit: "", minTop: 10, of: (stage) => stage.frames_per_s },
  { name: "age, median", unit: "ms", minTop: 150, of: (stage) => times(1000, stage.age_p50_s) },
  { name: "age, 99 %", unit: "ms", minTop: 150, of: (stage) => times(1000, stage.age_p99_s) },
  { name: "batch", unit: "", minTop: 2, decimals: 1, of: (stage) => stage.batch },
  { name: "busy", unit: "%", minTop: 100, of: (stage) => times(100, stage.busy) },
  { name: "dropped/s", unit: "", minTop: 5, decimals: 1, of: (stage) => stage.drops_per_s },
];

const panel = find(document, "#pipeline", HTMLDetailsElement);
const message = find(panel, "[role=status]", HTMLElement);
/** @type {Map<string, StageCard>} */
const cards = new Map();

/**
 * @param {number} factor
 * @param {number | null} value
 */
function times(factor, value) {
  return value === null ? null : factor * value;
}

class StageCard {
  #element = cloneTemplate("stage");
  #rows;

  /** @param {Stage} stage */
  constructor(stage) {
    this.#element.setAttribute("aria-label", `Stage ${stage.name}`);
    find(this.#element, "h3", HTMLElement).prepend(stage.name);
    this.#rows = MEASURES.map((measure) => this.#addRow(measure, stage.name));
    find(panel, ".stages", HTMLElement).append(this.#element);
  }

  /**
   * @param {Measure} measure
   * @param {string} stage
   */
  #addRow(measure, stage) {
    const element = cloneTemplate("measure");
    find(element, "dt", HTMLElement).prepend(`${measure.name} `);
    find(this.#element, "dl", HTMLElement).append(element);
    const svg = find(element, "svg", SVGSVGElement);
    return { measure, element, sparkline: new Sparkline(svg, { ...measure, name: `${stage}: ${measure.name}` }) };
  }

  /**
   * Adds the last second.
   * @param {Stage | null} stage - null if it is not running
   */
  add(stage) {
    const workers = stage?.workers === 1 ? "1 worker" : `${stage?.workers} workers`;
    find(this.#element, "small", HTMLElement).textContent = stage ? workers : "not running";
    for (const { measure, element, sparkline } of this.#rows) {
      const value = stage && measure.of(stage);
      sparkline.add(value);
      element.hidden &&= value === null; // not every stage has every measure
      const text = value === null ? "–" : `${value.toFixed(measure.decimals ?? 0)} ${measure.unit}`;
      find(element, "dd", HTMLElement).textContent = text;
    }
  }
}

async function update() {
  if (!panel.open || document.hidden) return;
  const { stages = [], error } = await request("/api/stages");
  setText(message, error ?? (stages.length ? "" : "No pipeline process runs on this machine."));
  show(stages);
}

/**
 * A stage that is gone leaves a gap in its sparklines, and its card until the page is loaded again.
 * @param {Stage[]} stages
 */
function show(stages) {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  for (const stage of stages) if (!cards.has(stage.name)) cards.set(stage.name, new StageCard(stage));
  for (const [name, card] of cards) card.add(byName.get(name) ?? null);
}

panel.addEventListener("toggle", update);
document.addEventListener("visibilitychange", update);
setInterval(update, REQUEST_EVERY_MS);
