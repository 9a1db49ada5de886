// The panel of cameras that were added to those of CAMERAS: a form for one more, and a button to take each away.

const panel = document.getElementById("cameras");
const form = panel.querySelector("form");
const list = panel.querySelector("ul");
const said = panel.querySelector("[role=status]");

panel.addEventListener("toggle", () => panel.open && showAdded());

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, source } = Object.fromEntries(new FormData(form));
  const isDone = await change(name, { method: "PUT", body: JSON.stringify({ source: source.trim() }) });
  if (isDone) form.reset();
  if (isDone) say(`${name} is added; it appears above as soon as it answers.`);
  form.elements.name.focus();
});

async function remove(name) {
  if (await change(name, { method: "DELETE" })) say(`${name} is taken away.`);
  panel.querySelector("summary").focus(); // the button that had it is gone
}

// Asks for a change, and shows what is there afterwards; whether it was done.
async function change(name, request) {
  const headers = { "Content-Type": "application/json" };
  const { error } = await ask(`/api/cameras/${encodeURIComponent(name)}`, { headers, ...request });
  if (error) say(error, true);
  else await showAdded();
  return !error;
}

async function showAdded() {
  const { cameras = [], error } = await ask("/api/cameras");
  if (error) say(error, true);
  list.replaceChildren(...cameras.filter((camera) => camera.added).map(({ name }) => rowOf(name)));
}

function rowOf(name) {
  const row = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
  button.setAttribute("aria-label", `Remove ${name}`);
  button.addEventListener("click", () => remove(name));
  row.append(name, button);
  return row;
}

// The answer, which has an error where it was refused.
async function ask(path, request) {
  try {
    const response = await fetch(path, request);
    return response.status === 204 ? {} : await response.json();
  } catch {
    return { error: "The display does not answer." };
  }
}

function say(sentence, isTrouble = false) {
  said.textContent = sentence;
  said.dataset.level = isTrouble ? "old" : "fresh";
}
