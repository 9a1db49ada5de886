// The age of a picture as text, and as a level that has a color: fresh, late, old.

export const FRESH_MS = 150; // the default of MAX_AGE_S: the pipeline drops older frames
const LATE_MS = 400; // beyond this, a moving hand and its picture are visibly apart

/** @param {number} ms */
export function levelOf(ms) {
  return ms < FRESH_MS ? "fresh" : ms < LATE_MS ? "late" : "old";
}

/** @param {number} ms */
export function formatMs(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
