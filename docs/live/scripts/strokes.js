// Turns strokes of a pen into a digit like those of MNIST: 20 pixels high or wide, its center of mass in the middle of 28 x 28.

import { DIGIT } from "./scene.js";

const BOX = 20;
const PEN = 2.2; // width in pixels of the digit, whatever the size of the drawing
const FINE = 4; // the digit is drawn this many times larger, then averaged

/** Return DIGIT x DIGIT values in [0, 1] for strokes, lists of points [x, y] in any units; null without strokes. */
export function digitOf(strokes) {
  if (strokes.length === 0) return null;
  const box = boundsOf(strokes.flat());
  const size = Math.max(box.right - box.left, box.bottom - box.top, 1);
  const scale = (BOX - PEN) / size;
  const middle = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const moved = (shift) =>
    strokes.map((stroke) => stroke.map((point) => point.map((value, axis) => (value - middle[axis]) * scale + DIGIT / 2 + shift[axis])));
  const [massX, massY] = centerOfMass(drawn(moved([0, 0])));
  return drawn(moved([DIGIT / 2 - massX, DIGIT / 2 - massY]));
}

/** Draw strokes, in the units of the context, with round ends; a stroke of one point is a dot. */
export function drawStrokes(context, strokes, width) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = "#fff";
  for (const [first, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(...first);
    context.lineTo(...first);
    for (const point of rest) context.lineTo(...point);
    context.stroke();
  }
}

function boundsOf(points) {
  const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return { left: Math.min(...x), right: Math.max(...x), top: Math.min(...y), bottom: Math.max(...y) };
}

function drawn(strokes) {
  const side = DIGIT * FINE;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.scale(FINE, FINE);
  drawStrokes(context, strokes, PEN);
  const alpha = context.getImageData(0, 0, side, side).data.filter((_, place) => place % 4 === 3);
  const digit = new Float32Array(DIGIT * DIGIT);
  alpha.forEach((value, place) => {
    const [row, column] = [Math.floor(place / side / FINE), Math.floor((place % side) / FINE)];
    digit[row * DIGIT + column] += value / (255 * FINE * FINE);
  });
  return digit;
}

/** Return the center of mass [x, y], where the first pixel reaches from 0 to 1. */
function centerOfMass(digit) {
  let [mass, x, y] = [0, 0, 0];
  digit.forEach((value, place) => {
    mass += value;
    x += value * ((place % DIGIT) + 0.5);
    y += value * (Math.floor(place / DIGIT) + 0.5);
  });
  return [x / mass, y / mass];
}
