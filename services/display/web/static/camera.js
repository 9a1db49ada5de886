// /camera: this device's camera as a camera of the pipeline.

import { find, setText } from "./dom.js";
import { ReadingView } from "./reading_view.js";

const RESOLUTIONS = ["640x480", "1280x720", "1920x1080"];
const FRAME_RATE = 30;
const RETRY_MS = 3000;
const STORE = "digitcam.camera"; // what was chosen on this device

/** @type {Record<string, string>} */
const TROUBLES = {
  NotAllowedError: "Access to the camera was denied: allow it for this page in your browser, then reload the page.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "Another program uses the camera: close that program.",
  OverconstrainedError: "This device has no such camera.",
};

const INSECURE =
  "Browsers give secure pages only access to the camera: run `digitcam share` on the computer and open the address it shows.";

/** @typedef {{device?: string, resolution?: string, mirror?: Record<string, boolean>}} Choice */

const video = find(document, "video", HTMLVideoElement);
const picture = find(document, ".picture", HTMLElement);
const notice = find(document, "#notice", HTMLElement);
const deviceList = find(document, "#device", HTMLSelectElement);
const resolutionList = find(document, "#resolution", HTMLSelectElement);
const mirror = find(document, "#mirror", HTMLInputElement);
const sizes = find(document, "#sizes", HTMLElement);
const view = new ReadingView("browser", video, "Hold up a digit");
const choice = loadChoice();
let attempts = 0; // a later one overtakes those that still wait

resolutionList.replaceChildren(...RESOLUTIONS.map((value) => new Option(value.replace("x", " × "), value)));
resolutionList.value = choice.resolution ?? "";
if (!resolutionList.value) resolutionList.value = RESOLUTIONS[1] ?? "";

deviceList.addEventListener("change", () => {
  choice.device = deviceList.value;
  saveChoice();
  open();
});

resolutionList.addEventListener("change", () => {
  choice.resolution = resolutionList.value;
  saveChoice();
  open();
});

mirror.addEventListener("change", () => {
  choice.mirror = { ...choice.mirror, [deviceList.value]: mirror.checked };
  saveChoice();
  showMirror();
});

picture.addEventListener("click", (event) => view.explainClick(event));
document.addEventListener("visibilitychange", () => document.hidden || keepAwake());
navigator.mediaDevices?.addEventListener("devicechange", onDevices);

/** @returns {Choice} */
function loadChoice() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORE) ?? "{}");
    return typeof stored === "object" && stored ? stored : {};
  } catch {
    return {}; // a browser without storage
  }
}

function saveChoice() {
  try {
    localStorage.setItem(STORE, JSON.stringify(choice));
  } catch {
    // a browser without storage forgets the choice
  }
}

/** The track of the open camera. */
function currentTrack() {
  return video.srcObject instanceof MediaStream ? video.srcObject.getVideoTracks()[0] : undefined;
}

async function open() {
  const attempt = ++attempts;
  currentTrack()?.stop(); // a phone opens one camera at a time
  if (!navigator.mediaDevices) {
    showTrouble(INSECURE);
    return;
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: await makeWish() });
    if (attempt !== attempts) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    stream.getVideoTracks()[0]?.addEventListener("ended", () => retryAfter("The camera is gone.", attempt));
    video.srcObject = stream;
    await video.play();
    showTrouble("");
    keepAwake();
    await showDevices();
    chooseMirror();
  } catch (caught) {
    if (attempt !== attempts) return;
    const error = /** @type {Error} */ (caught);
    const sentence = TROUBLES[error.name] ?? `The camera does not open: ${error.message}`;
    if (error.name === "NotAllowedError") showTrouble(sentence);
    else retryAfter(sentence, attempt);
  }
}

/**
 * Returns what to ask the browser for: the chosen camera if it is there; else, of a phone's cameras, the one that faces
 * away from the user.
 * @returns {Promise<MediaTrackConstraints>}
 */
async function makeWish() {
  const [width, height] = resolutionList.value.split("x").map(Number);
  const wish = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: FRAME_RATE } };
  const isThere = (await listDevices()).some(({ deviceId }) => deviceId && deviceId === choice.device);
  return isThere ? { ...wish, deviceId: { exact: choice.device ?? "" } } : { ...wish, facingMode: "environment" };
}

async function listDevices() {
  return (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
}

/** Fills the list of cameras. Browsers tell their names once one was allowed. */
async function showDevices() {
  const devices = await listDevices();
  const options = devices.map(({ deviceId, label }, i) => new Option(label || `Camera ${i + 1}`, deviceId));
  const isNew = options.length !== deviceList.length || options.some(({ outerHTML }, i) => outerHTML !== deviceList[i]?.outerHTML);
  if (isNew) deviceList.replaceChildren(...options); // an open list would close
  deviceList.value = currentTrack()?.getSettings().deviceId ?? "";
  deviceList.disabled = devices.length === 0;
}

/** A camera was plugged in or out: the chosen one is opened again as soon as it is there. */
async function onDevices() {
  await showDevices();
  const isThere = (await listDevices()).some(({ deviceId }) => deviceId === choice.device);
  if (currentTrack()?.readyState !== "live" || (isThere && deviceList.value !== choice.device)) open();
}

/** Mirrors a camera that faces the user, as a mirror does, unless the switch was used for it. */
function chooseMirror() {
  const facing = currentTrack()?.getSettings().facingMode;
  const facesUser = facing ? facing === "user" : matchMedia("(hover: hover) and (pointer: fine)").matches;
  mirror.checked = choice.mirror?.[deviceList.value] ?? facesUser;
  showMirror();
}

/** Only the screen is mirrored: what is sent is not, or digits would be read mirrored. */
function showMirror() {
  video.classList.toggle("mirrored", mirror.checked);
  view.isMirrored = mirror.checked;
}

/**
 * @param {string} sentence
 * @param {number} attempt
 */
function retryAfter(sentence, attempt) {
  if (attempt !== attempts) return;
  showTrouble(sentence);
  setTimeout(() => attempt === attempts && open(), RETRY_MS);
}

/** @param {string} sentence */
function showTrouble(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
  view.setTrouble(sentence && "No picture");
}

// The camera stops when the screen goes dark. Browsers refuse this on low battery.
function keepAwake() {
  navigator.wakeLock?.request("screen").catch(() => {});
}

/**
 * Sends each new frame if the one before has arrived.
 * @param {number} now
 * @param {VideoFrameCallbackMetadata} [frame]
 */
function sendFrame(now, frame) {
  const { videoWidth: width, videoHeight: height } = video;
  picture.style.aspectRatio = `${width} / ${height}`;
  view.uplink.send(video, width, height, frame?.captureTime ?? now);
  const sent = view.uplink.sizeOf(width, height);
  setText(sizes, width ? `The camera gives ${width} × ${height}; ${sent.width} × ${sent.height} is sent.` : "");
  waitForFrame();
}

function waitForFrame() {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(sendFrame);
  else requestAnimationFrame(sendFrame);
}

waitForFrame();
open();
