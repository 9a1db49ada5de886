// One camera: its picture with what was read on it, the numbers in large type, how old it is and how fast it goes.

import { FRESH_MS, formatMs, levelOf } from "./age.js";
import { Curve } from "./curve.js";
import { showNumbers } from "./numbers.js";
import { paint } from "./paint.js";

const SMOOTH = 0.2; // share of the newest age in the one shown: a single late frame does not make it jump
const SILENT_S = 0.5; // without a new picture for this long, the age shown is that of the one on the screen
const READS_ALL = 0.9; // share of the frames read from which on nothing need be said about it
const NOTHING = { numbers: [], fps: 0, readings_per_s: 0 };

const TROUBLES = {
  connecting: "Connecting",
  frozen: "Frozen",
  blocked: "Not answering",
  absent: "Not there",
  ended: "Ended",
  down: "Capture is down",
  unreachable: "Out of reach",
};

const template = document.getElementById("tile");

export class Tile {
  isLive = false;
  isEnlarged = false;
  isInSight = true;
  #camera;
  #painted;
  #sight;
  #state = null; // {state, detail, since}
  #outage = null; // the same, of the connection or the pipeline
  #shown = null; // {header, bitmap}
  #isStale = false; // a picture waits to be painted
  #ageMs = null;
  #oldestMs = null; // in this second
  #curves;
  #paintedAt = 0;
  #arrivedAt = 0;
  #sightObserver = new IntersectionObserver(([entry]) => this.#setInSight(entry.isIntersecting));

  // painted(), sight(seen), enlarge(), why(place): what others have to know or do
  constructor(camera, { painted, sight, enlarge, why }) {
    this.#camera = camera;
    this.#painted = painted;
    this.#sight = sight;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.setAttribute("aria-label", `Camera ${camera}`);
    this.#find("h2").textContent = camera;
    this.#find(".enlarge").setAttribute("aria-label", `Enlarge ${camera}`);
    this.#find(".enlarge").addEventListener("click", enlarge);
    this.#find("canvas").addEventListener("click", (event) => this.#click(event, enlarge, why));
    this.#find(".why").setAttribute("aria-label", `Why this reading of ${camera}?`);
    this.#find(".why").addEventListener("click", () => why(this.#mainPlace()));
    this.#curves = {
      age: new Curve(this.#find(".age svg"), { name: "Age", unit: "ms", least: 2 * FRESH_MS }),
      rate: new Curve(this.#find(".rate svg"), { name: "Frames a second", unit: "", least: 10 }),
    };
    this.#sightObserver.observe(this.element);
    new ResizeObserver(() => this.#paint()).observe(this.#find("canvas"));
    this.setState({ state: "connecting", detail: "", for_s: 0 });
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  // A digit that is clicked is explained; so is any other place, once the picture is large. Else it becomes large.
  #click({ offsetX, offsetY, currentTarget: canvas }, enlarge, why) {
    if (!this.#shown || !this.isLive) return enlarge();
    const { header, bitmap } = this.#shown;
    const x = (offsetX / canvas.clientWidth) * bitmap.width;
    const y = (offsetY / canvas.clientHeight) * bitmap.height;
    const isOnDigit = header.digits.some(({ box: [left, top, w, h] }) => x >= left && x <= left + w && y >= top && y <= top + h);
    if (isOnDigit || this.isEnlarged) why({ x, y });
    else enlarge();
  }

  // What is asked about without a mouse: the digit that is held up largest, or the middle of the picture.
  #mainPlace() {
    const { digits = [] } = this.#shown?.header ?? {};
    const largest = digits.reduce((a, b) => (a && a.box[3] >= b.box[3] ? a : b), null);
    if (largest) return { x: largest.box[0] + largest.box[2] / 2, y: largest.box[1] + largest.box[3] / 2 };
    return { x: (this.#shown?.bitmap.width ?? 0) / 2, y: (this.#shown?.bitmap.height ?? 0) / 2 };
  }

  // Decodes a picture off the main thread and paints it with the next screen refresh.
  async take(header, jpeg) {
    this.#arrivedAt = performance.now();
    try {
      const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
      this.#shown?.bitmap.close();
      this.#shown = { header, bitmap };
    } catch {
      this.#painted(); // a broken picture: leave the last one, whose age goes on growing, and ask for the next
      return;
    }
    this.#isStale = true;
    requestAnimationFrame(() => this.#settle());
  }

  #setInSight(isInSight) {
    if (isInSight !== this.isInSight) this.#sight(isInSight);
    this.isInSight = isInSight;
    this.#settle();
  }

  #settle() {
    if (!this.#isStale || !this.isInSight) return;
    this.#isStale = false;
    this.#paint();
    if (this.isLive) this.#showReading(this.#shown.header);
    this.#paintedAt = performance.now();
    this.#painted();
  }

  #paint() {
    if (this.#shown) paint(this.#find("canvas"), this.#shown.bitmap, this.#shown.header);
  }

  // What the display says of the camera; for_s: how long it has been so.
  setState({ state, detail, for_s }) {
    this.#state = { state, detail, since: new Date(Date.now() - 1000 * for_s) };
    this.#showState();
  }

  // Takes the tile off the page; that it is out of sight then is no news.
  close() {
    this.#sightObserver.disconnect();
    this.element.remove();
  }

  // What keeps all cameras from this page, or null.
  setOutage(outage) {
    this.#outage = outage;
    this.#showState();
  }

  #showState() {
    const { state, detail, since } = this.#outage ?? this.#state;
    this.isLive = state === "live";
    this.element.dataset.state = state;
    this.#find(".trouble strong").textContent = TROUBLES[state] ?? "";
    this.#find(".detail").textContent = detail;
    this.#find("time").dateTime = since.toISOString();
    this.#find("time").textContent = `since ${since.toLocaleTimeString()}`;
    if (!this.isLive) this.#showReading(NOTHING);
  }

  #showReading({ numbers, fps, readings_per_s }) {
    this.#showNumbers(numbers);
    const isBehind = readings_per_s < READS_ALL * fps;
    const read = isBehind ? ` (${Math.round(readings_per_s)} read)` : "";
    this.#find(".rate dd").textContent = `${Math.round(fps)}${read}`;
  }

  setEnlarged(isEnlarged) {
    this.isEnlarged = isEnlarged;
    this.element.classList.toggle("enlarged", isEnlarged);
    this.#find(".enlarge").setAttribute("aria-pressed", isEnlarged);
  }

  // now: the queue's clock in seconds, or null while it is unknown
  showAge(now) {
    if (!this.#shown || !this.#paintedAt) return;
    const { captured_at, age_s } = this.#shown.header;
    const sincePaintMs = performance.now() - this.#paintedAt;
    const onScreenMs = 1000 * (now === null ? age_s : now - captured_at);
    const paintedMs = now === null ? 1000 * age_s + this.#paintedAt - this.#arrivedAt : onScreenMs - sincePaintMs;
    const isSilent = sincePaintMs > 1000 * SILENT_S;
    this.#ageMs = isSilent || this.#ageMs === null ? onScreenMs : this.#ageMs + SMOOTH * (paintedMs - this.#ageMs);
    this.#oldestMs = Math.max(0, this.#oldestMs ?? 0, this.#ageMs);
    this.#writeAge(Math.max(0, this.#ageMs));
  }

  #writeAge(ageMs) {
    const level = levelOf(ageMs);
    const age = this.#find(".age");
    age.dataset.level = level;
    age.title = `${level}: the picture was taken ${Math.round(ageMs)} ms before it was painted`;
    age.querySelector("dd").textContent = formatMs(ageMs);
  }

  // Once a second: what the last minute's curves go on with. Nothing where nothing was to be seen.
  addSecond() {
    const isSeen = this.isLive && this.isInSight && !document.hidden;
    this.#curves.age.add(isSeen ? this.#oldestMs : null);
    this.#curves.rate.add(isSeen && this.#shown ? this.#shown.header.fps : null);
    this.#oldestMs = null;
  }

  #showNumbers(numbers) {
    const said = showNumbers(this.#find("output"), numbers, this.isLive ? "No digit in sight" : "");
    if (said !== null) this.#find("canvas").setAttribute("aria-label", `Picture of ${this.#camera}. ${said}`);
  }
}
