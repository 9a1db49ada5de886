// The explanation panel: why a place of a frame was read as it was. It holds the frame that was on the screen when it was
// opened; with the switch "Follow" it explains the live picture, twice a second.
//
// A page includes explanation_panel.html and calls openExplanation.

import { request } from "./api.js";
import { CorrectionsPanel } from "./corrections_panel.js";
import { find, setText } from "./dom.js";
import { clearHistory, showExplanation } from "./explanation_view.js";
import { FrozenPicture } from "./frozen_picture.js";

/** @import { ExplainedCamera, Explanation, FrozenFrame, Place } from "./types.d.ts" */

const UPDATE_EVERY_MS = 500; // each update runs the networks once more
const FOLLOW_KEY = "f";
const NOT_KEPT = "The display no longer has this picture: close the panel and ask about a newer one.";
const NOT_YET = "Wait for the explanation.";
const NO_PICTURE = "There is no picture of this camera yet.";

/**
 * @typedef {object} Subject - what the panel explains; a new one for each place that is chosen
 * @property {ExplainedCamera} camera
 * @property {Place} place
 * @property {FrozenFrame | null} frame - null while the panel follows the live picture
 */

const dialog = find(document, "#explanation", HTMLDialogElement);
const followSwitch = find(dialog, ".follow input", HTMLInputElement);
const corrections = new CorrectionsPanel(find(dialog, ".correct", HTMLElement));
const picture = new FrozenPicture(find(dialog, ".frozen", HTMLElement), choosePlace);
/** @type {Subject | null} */
let subject = null;

/**
 * Opens the panel, or changes what the open panel explains.
 * @param {ExplainedCamera} camera
 * @param {Place} place - in pixels of the picture on the screen
 */
export function openExplanation(camera, place) {
  followSwitch.checked = false;
  if (!dialog.open) dialog.showModal();
  corrections.open();
  freeze(camera, place);
}

/**
 * Explains the picture that is on the screen now, however long the panel stays open.
 * @param {ExplainedCamera} camera
 * @param {Place} place
 */
function freeze(camera, place) {
  const frame = camera.freeze();
  if (frame) picture.show(frame);
  explain({ camera, place, frame });
  if (!frame) show({ sentences: [NO_PICTURE] });
}

/** @param {Place} place */
function choosePlace(place) {
  if (subject) explain({ ...subject, place });
}

followSwitch.addEventListener("change", () => {
  if (!subject) return;
  const { camera, place } = subject;
  if (followSwitch.checked) explain({ camera, place, frame: null });
  else freeze(camera, place);
});

/** @param {Subject} next */
function explain(next) {
  subject = next;
  corrections.setCrop(null, NOT_YET); // a key must not label what was explained before
  dialog.ariaBusy = "true";
  clearHistory();
  dialog.dataset.mode = followSwitch.checked ? "following" : "frozen";
  setText(find(dialog, ".moment", HTMLElement), describeMoment(next));
  if (next.frame) explainFrozen(next, next.frame);
  else if (followSwitch.checked) follow(next);
}

/** @param {Subject} subject */
function describeMoment({ camera, frame }) {
  if (followSwitch.checked) return `${camera.name}, following the live picture`;
  return frame ? `${camera.name}, frozen at ${frame.at.toLocaleTimeString()}` : camera.name;
}

/**
 * @param {Subject} current
 * @param {FrozenFrame} frame
 */
async function explainFrozen(current, frame) {
  picture.mark(current.place, null);
  const id = await frame.id;
  const answer = id === null ? { error: NOT_KEPT } : await requestExplanation(`/api/frames/${id}`, current.place);
  if (subject !== current) return;
  show(answer);
  picture.mark(current.place, answer.box ?? null);
}

/**
 * Updates the panel until it explains something else. The place moves along with its digit.
 * @param {Subject} current
 */
async function follow(current) {
  while (subject === current) {
    const began = performance.now();
    const answer = await requestExplanation(`/api/cameras/${encodeURIComponent(current.camera.name)}`, current.place);
    if (subject !== current) return;
    show(answer);
    if (answer.box) {
      const [left, top, width, height] = answer.box;
      current.place = { x: left + width / 2, y: top + height / 2 };
    }
    await new Promise((done) => setTimeout(done, Math.max(0, UPDATE_EVERY_MS - (performance.now() - began))));
  }
}

/**
 * @param {string} address
 * @param {Place} place
 */
function requestExplanation(address, { x, y }) {
  return request(`${address}/explanation?x=${Math.max(0, x).toFixed(1)}&y=${Math.max(0, y).toFixed(1)}`);
}

/** @param {Partial<Explanation> & {error?: string}} answer */
function show(answer) {
  showExplanation(dialog, answer.error ? { sentences: [answer.error] } : answer);
  corrections.setCrop(answer.crop_id ?? null);
  dialog.ariaBusy = "false";
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
  if (dialog.open && (corrections.handleKey(event) || handleKey(event))) event.preventDefault();
});

/**
 * Handles a key; returns whether it was the switch's.
 * @param {KeyboardEvent} event
 */
function handleKey({ key, ctrlKey, metaKey, altKey, repeat }) {
  if (key !== FOLLOW_KEY || ctrlKey || metaKey || altKey || repeat) return false;
  followSwitch.click();
  return true;
}

/** @param {MouseEvent} event */
function isOutside({ target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}
