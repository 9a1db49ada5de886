// How old a picture is, in words and as a level that has a colour: fresh, late, old.

export const FRESH_MS = 150; // the default of MAX_AGE_S: the pipeline works on nothing older
const LATE_MS = 400; // from here on a hand that moves and its picture visibly part

export function levelOf(ms) {
  return ms < FRESH_MS ? "fresh" : ms < LATE_MS ? "late" : "old";
}

export function formatMs(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
