// Fills the explanation panel with one explanation: sentences, pictures, evidence and layers.

import { cloneTemplate, find } from "./dom.js";
import { percent } from "./numbers.js";
import { Sparkline } from "./sparkline.js";

/** @import { Explanation, Layer } from "./types.d.ts" */

const NAMES = [...Array(10).keys()].map(String).concat("no digit");

/** @type {Sparkline[]} */
let sparklines = [];

/** Starts the curves of the evidence over time again. */
export function clearHistory() {
  const elements = NAMES.map((name) => {
    const row = cloneTemplate("evidence");
    find(row, "th", HTMLElement).textContent = name;
    return row;
  });
  find(document, "#explanation tbody", HTMLTableSectionElement).replaceChildren(...elements);
  sparklines = elements.map(
    (row, i) => new Sparkline(find(row, "svg", SVGSVGElement), { name: NAMES[i] ?? "", unit: "%", minTop: 100 }),
  );
}

/**
 * @param {HTMLDialogElement} dialog
 * @param {Partial<Explanation>} explanation
 */
export function showExplanation(dialog, explanation) {
  showSentences(find(dialog, ".sentences", HTMLElement), explanation.sentences ?? []);
  showImage(find(dialog, ".crop", HTMLImageElement), explanation.crop);
  showImage(find(dialog, ".classifier-input", HTMLImageElement), explanation.classifier_input);
  showImage(find(dialog, ".heatmap", HTMLImageElement), explanation.heatmap);
  showEvidence(find(dialog, "tbody", HTMLTableSectionElement), explanation.evidence);
  showLayers(find(dialog, ".layers", HTMLElement), explanation.layers ?? []);
  const { version = "", is_finetuned = false } = explanation.recognizer ?? {};
  const suffix = is_finetuned ? ", with your corrections" : "";
  find(dialog, ".weights", HTMLElement).textContent = version && `Weights: ${version}${suffix}.`;
  dialog.dataset.isDigit = String(Boolean(explanation.is_digit));
}

/**
 * @param {HTMLElement} element
 * @param {string[]} texts
 */
function showSentences(element, texts) {
  const text = texts.join(" ");
  if (element.dataset.text === text) return; // a screen reader speaks each change
  element.dataset.text = text;
  element.replaceChildren(...texts.map((each) => Object.assign(document.createElement("p"), { textContent: each })));
}

/**
 * @param {HTMLImageElement} image
 * @param {string | null} [data]
 */
function showImage(image, data) {
  const figure = image.closest("figure");
  if (figure) figure.hidden = !data;
  if (data && image.src !== data) image.src = data;
}

/**
 * @param {HTMLTableSectionElement} rows
 * @param {Explanation["evidence"]} [evidence]
 */
function showEvidence(rows, evidence) {
  const { fused = [], classifier = [], detector = [] } = evidence ?? {};
  for (const [i, row] of [...rows.rows].entries()) {
    const share = fused[i];
    find(row, ".now", HTMLElement).textContent = toPercent(share);
    find(row, "meter", HTMLMeterElement).value = share ?? 0;
    row.title = share === undefined ? "" : `detector ${toPercent(detector[i])}, classifier ${toPercent(classifier[i])}`;
    row.classList.toggle("best", share === Math.max(...fused));
    sparklines[i]?.add(share === undefined ? null : 100 * share);
  }
}

/** @param {number | undefined} share */
function toPercent(share) {
  return share === undefined ? "–" : percent(share);
}

/**
 * @param {HTMLElement} section
 * @param {Layer[]} layers
 */
function showLayers(section, layers) {
  section.hidden = layers.length === 0;
  const list = find(section, "div", HTMLElement);
  while (list.children.length < layers.length) list.append(cloneTemplate("layer"));
  for (const [i, figure] of [...list.children].entries()) {
    const layer = layers[i];
    /** @type {HTMLElement} */ (figure).hidden = !layer;
    if (!layer) continue;
    const [channels, height, width] = layer.shape;
    const image = find(figure, "img", HTMLImageElement);
    image.src = layer.picture;
    image.alt = `Channels after ${layer.kind} ${i + 1}`;
    const caption = find(figure, "figcaption", HTMLElement);
    caption.textContent = `${layer.kind}: ${channels} channels of ${height}\u00a0×\u00a0${width}`;
  }
}
