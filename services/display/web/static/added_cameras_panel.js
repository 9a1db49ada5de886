// The "Add a camera" panel: a form to add a camera, and a button to remove each one that was added.

import { request } from "./api.js";
import { find, makeButton } from "./dom.js";

const panel = find(document, "#cameras", HTMLDetailsElement);
const form = find(panel, "form", HTMLFormElement);
const nameInput = find(form, "[name=name]", HTMLInputElement);
const sourceInput = find(form, "[name=source]", HTMLInputElement);
const list = find(panel, "ul", HTMLUListElement);
const message = find(panel, "[role=status]", HTMLElement);

panel.addEventListener("toggle", () => {
  if (panel.open) showAdded();
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = nameInput.value.trim(); // a phone adds a space after each word
  if (await change(name, "PUT", { source: sourceInput.value.trim() })) {
    form.reset();
    showMessage(`${name} is added: its picture appears above as soon as it answers.`, "fresh");
  }
  nameInput.focus();
});

/** @param {string} name */
async function remove(name) {
  if (await change(name, "DELETE")) showMessage(`${name} is removed.`, "fresh");
  find(panel, "summary", HTMLElement).focus(); // the button that had the focus is gone
}

/**
 * Requests a change and shows the added cameras afterwards; returns whether it succeeded.
 * @param {string} name
 * @param {string} method
 * @param {object} [body]
 */
async function change(name, method, body) {
  const { error } = await request(`/api/cameras/${encodeURIComponent(name)}`, method, body);
  if (error) showMessage(error, "old");
  else await showAdded();
  return !error;
}

async function showAdded() {
  /** @type {{cameras?: {name: string, added: boolean}[], error?: string}} */
  const { cameras = [], error } = await request("/api/cameras");
  if (error) showMessage(error, "old");
  list.replaceChildren(...cameras.filter((camera) => camera.added).map(({ name }) => makeRow(name)));
}

/** @param {string} name */
function makeRow(name) {
  const row = document.createElement("li");
  const button = makeButton("Remove", () => remove(name));
  button.setAttribute("aria-label", `Remove ${name}`);
  row.append(name, button);
  return row;
}

/**
 * @param {string} sentence
 * @param {"fresh" | "old"} level
 */
function showMessage(sentence, level) {
  message.textContent = sentence;
  message.dataset.level = level;
}
