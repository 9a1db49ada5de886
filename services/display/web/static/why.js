// Why did it say that? A panel about one place of a camera's picture, asked again while it is open.

import { Correct } from "./correct.js";
import { Curve } from "./curve.js";
import { percent } from "./numbers.js";

const ASK_EVERY_MS = 500; // the networks are asked once more each time
const NAMES = [...Array(10).keys()].map(String).concat("no digit");

const dialog = document.getElementById("why");
const find = (selector) => dialog.querySelector(selector);
const correct = new Correct(find(".correct"));
let asked = null; // {camera, x, y, curves}

export function ask(camera, place) {
  find("#why-title").textContent = `Why did it say that? (${camera})`;
  asked = { camera, ...place, curves: fillTable() };
  if (!dialog.open) dialog.showModal();
  correct.open();
  follow(asked);
}

find(".close").addEventListener("click", () => dialog.close());
let beganOutside = false; // a selection of text may end there, too
dialog.addEventListener("pointerdown", (event) => (beganOutside = isOutside(event)));
dialog.addEventListener("click", (event) => beganOutside && isOutside(event) && dialog.close());
dialog.addEventListener("close", () => (asked = null));
// Of the whole page: the button that had the focus may have gone with what it took back.
document.addEventListener("keydown", (event) => dialog.open && correct.press(event) && event.preventDefault());

function isOutside({ target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

// Asks again until the panel is closed or shows something else. The place goes where its digit goes.
async function follow(place) {
  while (asked === place) {
    const began = performance.now();
    const answer = await fetchWhy(place);
    if (asked !== place) return;
    show(place, answer);
    if (answer.box) {
      const [x, y, width, height] = answer.box;
      Object.assign(place, { x: x + width / 2, y: y + height / 2 });
    }
    await new Promise((done) => setTimeout(done, Math.max(0, ASK_EVERY_MS - (performance.now() - began))));
  }
}

async function fetchWhy({ camera, x, y }) {
  try {
    const response = await fetch(`/api/cameras/${encodeURIComponent(camera)}/why?x=${x.toFixed(1)}&y=${y.toFixed(1)}`);
    const answer = await response.json();
    return response.ok ? answer : { words: [answer.error] };
  } catch {
    return { words: ["The display does not answer."] };
  }
}

function show(place, answer) {
  showWords(answer.words);
  showImage(".crop", answer.crop);
  showImage(".image", answer.image);
  showImage(".heat", answer.heat);
  showEvidence(place, answer.evidence ?? {});
  showLayers(answer.layers ?? []);
  showReader(answer.reader);
  correct.see(answer.seen ?? null);
  dialog.dataset.said = Boolean(answer.is_said);
}

function showWords(words) {
  const said = words.join(" ");
  if (find(".words").dataset.said === said) return; // a screen reader speaks each change
  find(".words").dataset.said = said;
  find(".words").replaceChildren(...words.map((sentence) => Object.assign(document.createElement("p"), { textContent: sentence })));
}

function showImage(selector, data) {
  const image = find(selector);
  image.closest("figure").hidden = !data;
  if (data && image.src !== data) image.src = data;
}

function fillTable() {
  const rows = NAMES.map((name) => {
    const row = document.createElement("tr");
    row.innerHTML = `<th scope="row">${name}</th><td class="now"></td><td class="bar"><meter min="0" max="1"></meter></td>
      <td><svg class="curve"><path/></svg></td>`;
    return row;
  });
  find("tbody").replaceChildren(...rows);
  return rows.map((row, i) => new Curve(row.querySelector("svg"), { name: NAMES[i], unit: "%", least: 100 }));
}

function showEvidence({ curves }, { together = [], read = [], found = [] }) {
  for (const [i, row] of [...find("tbody").rows].entries()) {
    const share = together[i];
    row.querySelector(".now").textContent = share === undefined ? "–" : percent(share);
    row.querySelector("meter").value = share ?? 0;
    row.title = share === undefined ? "" : `detector ${i < 10 ? percent(found[i]) : "–"}, reader ${percent(read[i])}`;
    row.classList.toggle("best", share === Math.max(...together));
    curves[i].add(share === undefined ? null : 100 * share);
  }
}

function showLayers(layers) {
  find(".layers").hidden = layers.length === 0;
  const figures = [...find(".layers div").children];
  while (figures.length < layers.length) figures.push(find(".layers div").appendChild(layerElement()));
  for (const [i, figure] of figures.entries()) {
    figure.hidden = i >= layers.length;
    if (figure.hidden) continue;
    const { kind, shape, picture } = layers[i];
    figure.querySelector("img").src = picture;
    figure.querySelector("img").alt = `Channels after ${kind} ${i + 1}`;
    figure.querySelector("figcaption").textContent = `${kind}: ${shape[0]} channels of ${shape[1]}\u00a0×\u00a0${shape[2]}`;
  }
}

function showReader(reader) {
  const learned = reader?.is_learned ? ", with what it learned from you" : "";
  find(".reader").textContent = reader ? `The reader is ${reader.version}${learned}.` : "";
}

function layerElement() {
  const figure = document.createElement("figure");
  figure.append(document.createElement("img"), document.createElement("figcaption"));
  return figure;
}
