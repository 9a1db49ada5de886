// /camera: this device's camera as a camera of the pipeline.

import { find } from "./dom.js";
import { ReadingView } from "./reading_view.js";

const WISH = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const RETRY_MS = 3000;

/** @type {Record<string, string>} */
const TROUBLES = {
  NotAllowedError: "Access to the camera was denied: allow it for this page in your browser, then reload the page.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "Another program uses the camera: close that program.",
  OverconstrainedError: "This device has no such camera.",
};

const INSECURE =
  "Browsers give secure pages only access to the camera: run `digitcam share` on the computer and open the address it shows.";

const video = find(document, "video", HTMLVideoElement);
const switchButton = find(document, "#switch", HTMLButtonElement);
const notice = find(document, "#notice", HTMLElement);
const view = new ReadingView("browser", "Hold up a digit");
let facing = "environment"; // of two cameras the one that faces away from the user

switchButton.addEventListener("click", () => {
  facing = facing === "environment" ? "user" : "environment";
  open();
});

document.addEventListener("visibilitychange", () => document.hidden || keepAwake());

async function open() {
  const last = video.srcObject;
  if (last instanceof MediaStream) for (const track of last.getTracks()) track.stop(); // a phone opens one camera at a time
  if (!navigator.mediaDevices) {
    showTrouble(INSECURE);
    return;
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WISH, facingMode: facing } });
    stream.getVideoTracks()[0]?.addEventListener("ended", () => retryAfter("The camera is gone."));
    video.srcObject = stream;
    await video.play();
    showTrouble("");
    keepAwake();
    await offerSwitch();
  } catch (caught) {
    const error = /** @type {Error} */ (caught);
    const sentence = TROUBLES[error.name] ?? `The camera does not open: ${error.message}`;
    if (error.name === "NotAllowedError") showTrouble(sentence);
    else retryAfter(sentence);
  }
}

/** @param {string} sentence */
function retryAfter(sentence) {
  showTrouble(sentence);
  setTimeout(open, RETRY_MS);
}

/** @param {string} sentence */
function showTrouble(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
  view.setTrouble(sentence && "No picture");
}

// Shows the button if there are two cameras or more.
async function offerSwitch() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  switchButton.hidden = devices.filter((device) => device.kind === "videoinput").length < 2;
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
  if (video.parentElement) video.parentElement.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  view.uplink.send(video, video.videoWidth, video.videoHeight, frame?.captureTime ?? now);
  waitForFrame();
}

function waitForFrame() {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(sendFrame);
  else requestAnimationFrame(sendFrame);
}

waitForFrame();
open();
