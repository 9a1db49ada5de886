// The JSON of the display: services/display/web/schema.py and browser_protocol.py. Read by the type checker only.

export type Box = [x: number, y: number, width: number, height: number];
export interface Guess { digit: number; confidence: number }
export interface Digit { digit: number; confidence: number; box: Box; guesses: Guess[] }
export interface NumberText { text: string; confidence: number; box: Box; unread: Box[] }

export interface Reading {
  camera: string;
  seq: number;
  captured_at: number;
  age_s: number;
  width: number;
  height: number;
  digits: Digit[];
  numbers: NumberText[];
  fps: number;
  readings_per_s: number;
  followed_per_s: number;
}

export interface CameraState { camera: string; state: string; detail: string; for_s: number }

/** Whether the queue of a cell answers the display. */
export interface CellState { cell: string; up: boolean; for_s: number }

export type ServerMessage =
  | ({ kind: "reading" } & Reading)
  | ({ kind: "state" } & CameraState)
  | { kind: "clock"; sent_at: number; now: number }
  | ({ kind: "cell" } & CellState)
  | { kind: "pipeline"; up: boolean }
  | { kind: "welcome"; camera: string }
  | { kind: "frozen"; camera: string; seq: number; frame_id: number | null }
  | { kind: "credit" };

export interface Stage {
  name: string;
  workers: number;
  frames_per_s: number;
  age_p50_s: number | null;
  age_p99_s: number | null;
  batch: number | null;
  busy: number | null;
  drops_per_s: number | null;
}

export interface Layer { kind: string; shape: number[]; picture: string }

export interface Explanation {
  sentences: string[];
  is_digit: boolean;
  box: Box | null;
  evidence: { detector: number[]; classifier: number[]; fused: number[] };
  crop: string | null;
  crop_id: number | null;
  classifier_input: string | null;
  heatmap: string | null;
  layers: Layer[];
  recognizer: { version: string; is_finetuned: boolean };
}

export interface Correction { id: number; camera: string; at: string; label: string; read_as: string; image: string }
export interface Place { x: number; y: number }

/** A frame that was on the screen: its picture and reading, and its id in /api/frames; null if the display lacks it. */
export interface FrozenFrame { id: Promise<number | null>; picture: HTMLCanvasElement; reading: Drawable; at: Date }
export type Drawable = Pick<Reading, "width" | "height" | "digits" | "numbers">;
/** A camera whose picture a page shows; freeze() keeps what is on the screen, or returns null if nothing is. */
export interface ExplainedCamera { name: string; freeze: () => FrozenFrame | null }
export interface Outage { state: string; detail: string; since: Date }
