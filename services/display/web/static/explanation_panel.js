// The explanation panel: why a place of a camera's picture was read as it was, updated while it is open.

import { request } from "./api.js";
import { CorrectionsPanel } from "./corrections_panel.js";
import { cloneTemplate, find } from "./dom.js";
import { percent } from "./numbers.js";
import { Sparkline } from "./sparkline.js";

/** @import { Explanation, Layer, Place } from "./types.d.ts" */

const UPDATE_EVERY_MS = 500; // each update runs the networks once more
const NAMES = [...Array(10).keys()].map(String).concat("no digit");

/** @typedef {Place & {camera: string, sparklines: Sparkline[]}} Subject */

const dialog = find(document, "#explanation", HTMLDialogElement);
const sentences = find(dialog, ".sentences", HTMLElement);
const rows = find(dialog, "tbody", HTMLTableSectionElement);
const layersSection = find(dialog, ".layers", HTMLElement);
const layersList = find(layersSection, "div", HTMLElement);
const corrections = new CorrectionsPanel(find(dialog, ".correct", HTMLElement));
/** @type {Subject | null} */
let subject = null;

/**
 * @param {string} camera
 * @param {Place} place
 */
export function openExplanation(camera, place) {
  find(dialog, "#explanation-title", HTMLElement).textContent = `Why this reading? (${camera})`;
  subject = { camera, ...place, sparklines: fillTable() };
  if (!dialog.open) dialog.showModal();
  corrections.open();
  follow(subject);
}

let beganOutside = false; // a selection of text may also end outside
find(dialog, ".close", HTMLButtonElement).addEventListener("click", () => dialog.close());
dialog.addEventListener("pointerdown", (event) => {
  beganOutside = isOutside(event);
});
dialog.addEventListener("click", (event) => {
  if (beganOutside && isOutside(event)) dialog.close();
});
dialog.addEventListener("close", () => {
  subject = null;
});
// On the document, because the button that had the focus may be gone after an undo.
document.addEventListener("keydown", (event) => {
  if (dialog.open && corrections.handleKey(event)) event.preventDefault();
});

/** @param {MouseEvent} event */
function isOutside({ target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

/**
 * Updates the panel until it is closed or explains something else. The place moves along with its digit.
 * @param {Subject} current
 */
async function follow(current) {
  while (subject === current) {
    const began = performance.now();
    const { camera, x, y } = current;
    const path = `/api/cameras/${encodeURIComponent(camera)}/explanation?x=${x.toFixed(1)}&y=${y.toFixed(1)}`;
    const answer = await request(path);
    if (subject !== current) return;
    show(current, answer.error ? { sentences: [answer.error] } : answer);
    if (answer.box) {
      const [left, top, width, height] = answer.box;
      Object.assign(current, { x: left + width / 2, y: top + height / 2 });
    }
    await new Promise((done) => setTimeout(done, Math.max(0, UPDATE_EVERY_MS - (performance.now() - began))));
  }
}

/**
 * @param {Subject} current
 * @param {Partial<Explanation>} explanation
 */
function show(current, explanation) {
  showSentences(explanation.sentences ?? []);
  showImage(".crop", explanation.crop);
  showImage(".classifier-input", explanation.classifier_input);
  showImage(".heatmap", explanation.heatmap);
  showEvidence(current.sparklines, explanation.evidence);
  showLayers(explanation.layers ?? []);
  const { version = "", is_finetuned = false } = explanation.recognizer ?? {};
  const suffix = is_finetuned ? ", with your corrections" : "";
  find(dialog, ".weights", HTMLElement).textContent = version && `Weights: ${version}${suffix}.`;
  corrections.setCrop(explanation.crop_id ?? null);
  dialog.dataset.isDigit = String(Boolean(explanation.is_digit));
}

/** @param {string[]} texts */
function showSentences(texts) {
  const text = texts.join(" ");
  if (sentences.dataset.text === text) return; // a screen reader speaks each change
  sentences.dataset.text = text;
  sentences.replaceChildren(...texts.map((each) => Object.assign(document.createElement("p"), { textContent: each })));
}

/**
 * @param {string} selector
 * @param {string | null} [data]
 */
function showImage(selector, data) {
  const image = find(dialog, selector, HTMLImageElement);
  const figure = image.closest("figure");
  if (figure) figure.hidden = !data;
  if (data && image.src !== data) image.src = data;
}

function fillTable() {
  const elements = NAMES.map((name) => {
    const row = cloneTemplate("evidence");
    find(row, "th", HTMLElement).textContent = name;
    return row;
  });
  rows.replaceChildren(...elements);
  return elements.map(
    (row, i) => new Sparkline(find(row, "svg", SVGSVGElement), { name: NAMES[i] ?? "", unit: "%", minTop: 100 }),
  );
}

/**
 * @param {Sparkline[]} sparklines
 * @param {Explanation["evidence"]} [evidence]
 */
function showEvidence(sparklines, evidence) {
  const { combined = [], classifier = [], detector = [] } = evidence ?? {};
  for (const [i, row] of [...rows.rows].entries()) {
    const share = combined[i];
    find(row, ".now", HTMLElement).textContent = toPercent(share);
    find(row, "meter", HTMLMeterElement).value = share ?? 0;
    row.title = share === undefined ? "" : `detector ${toPercent(detector[i])}, classifier ${toPercent(classifier[i])}`;
    row.classList.toggle("best", share === Math.max(...combined));
    sparklines[i]?.add(share === undefined ? null : 100 * share);
  }
}

/** @param {number | undefined} share */
function toPercent(share) {
  return share === undefined ? "–" : percent(share);
}

/** @param {Layer[]} layers */
function showLayers(layers) {
  layersSection.hidden = layers.length === 0;
  while (layersList.children.length < layers.length) layersList.append(cloneTemplate("layer"));
  for (const [i, figure] of [...layersList.children].entries()) {
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
