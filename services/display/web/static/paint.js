// Paints a picture and what was read on it. Boxes and type are drawn at the screen's resolution, not the picture's.

const MINT = "#5ee8aa";
const INK = "#1a1e26";
const PAPER = "#f5f5f5";
const FAMILY = "system-ui, sans-serif";
const LABEL_PX = [10, 26]; // smallest and largest type of a digit's label
const LABEL_SHARE = 0.35; // of the digit's height

export function paint(canvas, bitmap, reading) {
  canvas.style.aspectRatio = `${bitmap.width} / ${bitmap.height}`;
  const context = fit(canvas, { alpha: false });
  if (!context) return;
  context.drawImage(bitmap, 0, 0, canvas.clientWidth, canvas.clientHeight);
  drawReading(context, canvas, reading, bitmap);
}

// Paints only what was read, to lie over a picture that is shown already.
export function paintOver(canvas, reading) {
  const context = fit(canvas, { alpha: true });
  if (!context) return;
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  if (reading.width) drawReading(context, canvas, reading, reading);
}

// The canvas's context in CSS pixels, at the screen's resolution; null while it is not laid out.
function fit(canvas, options) {
  const density = window.devicePixelRatio;
  const wide = Math.round(canvas.clientWidth * density);
  const high = Math.round(canvas.clientHeight * density);
  if (!wide || !high) return null;
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d", options);
  context.setTransform(density, 0, 0, density, 0, 0);
  return context;
}

function drawReading(context, { clientWidth, clientHeight }, { width, height, digits, numbers }, picture) {
  const scale = [clientWidth / (width || picture.width), clientHeight / (height || picture.height)];
  for (const { box } of digits) drawBox(context, scaled(box, scale));
  for (const digit of digits) drawDigit(context, digit, scaled(digit.box, scale));
  for (const number of numbers) if (number.text.length > 1) drawBracket(context, scaled(number.box, scale));
}

function scaled([x, y, width, height], [across, down]) {
  return [x * across, y * down, width * across, height * down];
}

// A dark rim under the colour shows on white paper and in shadow alike.
function drawBox(context, [x, y, width, height]) {
  for (const [style, line] of [[INK, 3.5], [MINT, 1.75]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    context.roundRect(x - 2, y - 2, width + 4, height + 4, 4);
    context.stroke();
  }
}

function drawDigit(context, { digit }, [x, y, , height]) {
  const size = Math.max(LABEL_PX[0], Math.min(LABEL_PX[1], LABEL_SHARE * height));
  context.font = `600 ${size}px ${FAMILY}`;
  const plate = [size * 1.05, size * 1.25];
  const top = Math.max(0, y - 5 - plate[1]);
  context.fillStyle = INK;
  context.beginPath();
  context.roundRect(x - 3, top, ...plate, 4);
  context.fill();
  context.fillStyle = PAPER;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(digit), x - 3 + plate[0] / 2, top + plate[1] / 2 + size * 0.06);
}

// A line under digits that were read as one number.
function drawBracket(context, [x, y, width, height]) {
  const bottom = y + height + 9;
  for (const [style, line] of [[INK, 5], [MINT, 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x, bottom);
    context.lineTo(x + width, bottom);
    context.stroke();
  }
}
