// This device's camera, lent to the pipeline: hold a digit in front of it, and its number is here.

import { Answer } from "./answer.js";

const WISH = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const TRY_AGAIN_MS = 3000;

const TROUBLES = {
  NotAllowedError: "The camera was not allowed: allow it for this page in your browser, and load the page again.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "Another program uses the camera: close that one.",
  OverconstrainedError: "There is no such camera on this device.",
};

const INSECURE =
  "Browsers lend their camera to secure pages only: run `digitcam share` on the computer and open the address it shows.";

const video = document.querySelector("video");
const turn = document.getElementById("turn");
const notice = document.getElementById("notice");
const answer = new Answer("browser", "Hold up a digit");
let facing = "environment"; // the camera that looks away from the person, where there are two

turn.addEventListener("click", () => {
  facing = facing === "environment" ? "user" : "environment";
  open();
});

document.addEventListener("visibilitychange", () => document.hidden || stayAwake());

async function open() {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop(); // a phone lends one camera at a time
  if (!navigator.mediaDevices) return say(INSECURE);
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WISH, facingMode: facing } });
    stream.getVideoTracks()[0].addEventListener("ended", () => lost("The camera is gone."));
    video.srcObject = stream;
    await video.play();
    say("");
    stayAwake();
    offerOthers();
  } catch (error) {
    lost(TROUBLES[error.name] ?? `The camera does not open: ${error.message}`, error.name !== "NotAllowedError");
  }
}

function lost(sentence, comesBack = true) {
  say(sentence);
  if (comesBack) setTimeout(open, TRY_AGAIN_MS);
}

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = !sentence;
  answer.setTrouble(sentence && "No picture");
}

// The button is there only for who has more than one camera.
async function offerOthers() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  turn.hidden = devices.filter((device) => device.kind === "videoinput").length < 2;
}

// A screen that goes dark would take the camera with it. Browsers refuse this when the battery is low.
function stayAwake() {
  navigator.wakeLock?.request("screen").catch(() => {});
}

// Each new picture of the camera is sent, if the one before has arrived.
function next(now, picture) {
  video.parentElement.style.aspectRatio = `${video.videoWidth} / ${video.videoHeight}`;
  answer.uplink.send(video, video.videoWidth, video.videoHeight, picture?.captureTime ?? now);
  wait();
}

function wait() {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(next);
  else requestAnimationFrame(next);
}

wait();
open();
