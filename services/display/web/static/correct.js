// What is it really? A key, or a button, says so in the panel; what is kept is listed there, and may be taken back.

const LABELS = [...Array(10).keys()].map(String).concat("none");
const NOT_A_DIGIT_KEY = "n";
const ADDRESS = "/api/corrections";

const named = (label) => (label === "none" ? "no digit" : label);

export class Correct {
  #seen = null; // by which the display knows what the panel shows
  #kept = []; // the newest first
  #areAll = true; // or only the newest of them
  #section;
  #said;
  #undo;

  constructor(section) {
    this.#section = section;
    this.#said = section.querySelector(".said");
    this.#undo = section.querySelector(".undo");
    this.#undo.addEventListener("click", () => this.#forget(Number(this.#undo.dataset.id)));
    section.querySelector(".labels").replaceChildren(...LABELS.map((label) => this.#labelButton(label)));
  }

  open() {
    this.see(null);
    this.#say("");
    this.#load();
  }

  // seen: null where there is nothing that could be corrected
  see(seen) {
    this.#seen = seen;
    for (const button of this.#section.querySelectorAll(".labels button")) {
      button.setAttribute("aria-disabled", seen === null); // not disabled: that would take the focus away
    }
  }

  // Whether the key was one of these.
  press({ key, ctrlKey, metaKey, altKey, repeat }) {
    if (ctrlKey || metaKey || altKey || repeat) return false;
    if (key === "Backspace" && this.#undo.dataset.id) this.#forget(Number(this.#undo.dataset.id));
    else if (key === NOT_A_DIGIT_KEY) this.#keep("none");
    else if (LABELS.includes(key)) this.#keep(key);
    else return false;
    return true;
  }

  #labelButton(label) {
    const button = document.createElement("button");
    const key = label === "none" ? NOT_A_DIGIT_KEY : label;
    Object.assign(button, { type: "button", textContent: named(label), title: `Key ${key}` });
    button.setAttribute("aria-keyshortcuts", key);
    button.addEventListener("click", () => this.#keep(label));
    return button;
  }

  async #keep(label) {
    if (this.#seen === null) return this.#say("There is nothing here that could be corrected.");
    const answer = await this.#ask("POST", "", { seen: this.#seen, label });
    if (!answer) return;
    this.#kept.unshift(answer);
    this.#say(`Kept as ${named(answer.label)}.`, answer.id);
    this.#list();
  }

  async #forget(id) {
    if (!(await this.#ask("DELETE", `/${id}`))) return;
    this.#kept = this.#kept.filter((correction) => correction.id !== id);
    this.#say("Forgotten.");
    this.#list();
  }

  async #load() {
    const answer = await this.#ask("GET", "");
    this.#kept = answer?.corrections ?? [];
    this.#areAll = !answer?.next;
    this.#list();
  }

  // The answer's values, true for an answer without any; what was refused is said, and null.
  async #ask(method, path, body) {
    const json = { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) };
    try {
      const response = await fetch(ADDRESS + path, json);
      if (response.ok) return response.status === 204 || (await response.json());
      this.#say((await response.json()).error);
    } catch {
      this.#say("The display does not answer.");
    }
    return null;
  }

  #say(sentence, id = "") {
    this.#said.textContent = sentence;
    this.#undo.dataset.id = id;
    this.#undo.hidden = id === "";
  }

  #list() {
    const list = this.#section.querySelector("details");
    list.hidden = this.#kept.length === 0;
    list.querySelector("summary").textContent = `What you have said (${this.#kept.length}${this.#areAll ? "" : "+"})`;
    list.querySelector("ul").replaceChildren(...this.#kept.map((correction) => this.#item(correction)));
  }

  #item({ id, image, label, said, camera, at }) {
    const item = document.createElement("li");
    const title = `${camera}, ${new Date(at).toLocaleString()}: it said ${named(said)}`;
    item.append(
      Object.assign(document.createElement("img"), { src: image, alt: `Read as ${named(said)}`, title }),
      Object.assign(document.createElement("b"), { textContent: named(label) }),
    );
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    button.setAttribute("aria-label", `Forget that this is ${named(label)}`);
    button.addEventListener("click", () => this.#forget(id));
    item.append(button);
    return item;
  }
}
