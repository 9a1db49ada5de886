// Numbers in large type. An <output> is spoken by a screen reader when it changes, so only what is new is written.

const SMALL = 24; // characters from which type has to be small,
const MEDIUM = 8; // and from which it cannot be large

// Returns what is said now if that is new, else null. otherwise: what is said when there is no number.
export function showNumbers(output, numbers, otherwise) {
  const text = numbers.map((number) => number.text).join(" ");
  const said = text || otherwise;
  const isNew = output.dataset.said !== said;
  if (isNew) {
    output.dataset.said = said;
    output.dataset.size = text.length > SMALL ? "small" : text.length > MEDIUM ? "medium" : "large";
    output.replaceChildren(...(numbers.length ? numbers.map(numberElement) : [placeholder(said)]));
  }
  for (const [i, number] of numbers.entries()) output.children[i].lastChild.textContent = percent(number.confidence);
  return isNew ? said : null;
}

function numberElement({ text }) {
  const element = document.createElement("span");
  element.className = "number";
  const value = document.createElement("b");
  value.textContent = text;
  const confidence = document.createElement("small");
  confidence.setAttribute("aria-hidden", "true"); // it changes all the time
  element.append(value, confidence);
  return element;
}

function placeholder(text) {
  const element = document.createElement("span");
  element.className = "none";
  element.textContent = text;
  return element;
}

export function percent(confidence) {
  return `${Math.floor(100 * confidence)} %`; // 99.7 % is not 100
}
