// Finds elements that must exist, with their type.

/**
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function find(root, selector, type) {
  const element = root.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`no ${type.name} matches ${selector}`);
  return element;
}

/**
 * Changes an element's text only if it is new: a screen reader speaks each change.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Returns a copy of the element in a <template>.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function cloneTemplate(id) {
  const copy = find(document, `template#${id}`, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  if (!(copy instanceof HTMLElement)) throw new Error(`the template ${id} is empty`);
  return copy;
}

/**
 * Returns a button.
 * @param {string} text
 * @param {() => void} onClick
 */
export function makeButton(text, onClick) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  button.addEventListener("click", onClick);
  return button;
}
