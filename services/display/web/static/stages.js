// The panel of the pipeline: the last minute of each stage as curves. Nobody is asked while it is folded or out of sight.

import { Curve } from "./curve.js";

const ASK_EVERY_MS = 1000;

// What is shown of a stage: the name, the unit, what the top of the curve stands for at least, and where it is found.
const MEASURES = [
  { name: "frames/s", unit: "", least: 10, of: (stage) => stage.frames_per_s },
  { name: "age, median", unit: "ms", least: 150, of: (stage) => inMs(stage.age_p50_s) },
  { name: "age, 99 %", unit: "ms", least: 150, of: (stage) => inMs(stage.age_p99_s) },
  { name: "batch", unit: "", least: 2, digits: 1, of: (stage) => stage.batch },
  { name: "busy", unit: "%", least: 100, of: (stage) => stage.busy && 100 * stage.busy },
  { name: "dropped/s", unit: "", least: 5, digits: 1, of: (stage) => stage.drops_per_s },
];

const panel = document.getElementById("pipeline");
const said = panel.querySelector("[role=status]");
const template = document.getElementById("stage");
const cards = new Map(); // by the stage's name

function inMs(seconds) {
  return seconds === null ? null : 1000 * seconds;
}

async function askStages() {
  if (!panel.open || document.hidden) return;
  try {
    const response = await fetch("/api/stages");
    const { stages = [], error } = await response.json();
    say(error ?? (stages.length ? "" : "No process of a pipeline is to be found on this machine."));
    show(stages);
  } catch {
    say("The display does not answer.");
    show([]);
  }
}

// A stage that is gone leaves a gap in its curves, and its card until the page is loaded again.
function show(stages) {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  for (const stage of stages) if (!cards.has(stage.name)) cards.set(stage.name, new Card(stage));
  for (const [name, card] of cards) card.add(byName.get(name) ?? null);
}

class Card {
  #element = template.content.firstElementChild.cloneNode(true);
  #rows = [];

  constructor(stage) {
    this.#element.setAttribute("aria-label", `Stage ${stage.name}`);
    this.#element.querySelector("h3").prepend(stage.name);
    for (const measure of MEASURES) this.#addRow(measure, stage);
    panel.querySelector(".stages").append(this.#element);
  }

  #addRow(measure, stage) {
    const row = Object.assign(document.createElement("div"), { hidden: true }); // not every stage has every measure
    row.innerHTML = `<dt></dt><dd>–</dd>`;
    row.querySelector("dt").innerHTML = `${measure.name} <svg class="curve"><path/></svg>`;
    this.#element.querySelector("dl").append(row);
    const curve = new Curve(row.querySelector("svg"), { ...measure, name: `${stage.name}: ${measure.name}` });
    this.#rows.push({ ...measure, row, curve });
  }

  // stage: as it is now, or null where it is not there
  add(stage) {
    this.#element.querySelector("small").textContent = stage ? `${stage.workers} at work` : "not there";
    for (const { row, curve, of, unit, digits = 0 } of this.#rows) {
      const number = stage && of(stage);
      curve.add(number);
      row.hidden &&= number === null;
      row.querySelector("dd").textContent = number === null ? "–" : `${number.toFixed(digits)} ${unit}`;
    }
  }
}

function say(sentence) {
  if (said.textContent !== sentence) said.textContent = sentence; // a screen reader speaks each change
}

panel.addEventListener("toggle", askStages);
document.addEventListener("visibilitychange", askStages);
setInterval(askStages, ASK_EVERY_MS);
