// Makes the network's input, as in training: a digit turned, scaled and placed, with pieces of other digits around it.

import { below, generator } from "./random.js";

export const DIGIT = 28;
export const CANVAS = 60;
const PIECE = 6;

/**
 * Return a scene, CANVAS x CANVAS values in [0, 1].
 *
 * digit: DIGIT x DIGIT values in [0, 1]. placement: {x, y} from -1 to 1 within the room that the digit's frame has, {degrees}
 * counterclockwise, {scale}. clutter: {pieces, seed}. others: digits to cut pieces from.
 */
export function makeScene(digit, placement, clutter, others) {
  const scene = placed(digit, placement);
  addClutter(scene, clutter, others);
  return scene;
}

/** Return how far, in pixels, the digit's frame can move to each side of the middle. */
export function roomFor(scale) {
  return (CANVAS - DIGIT * scale) / 2;
}

function placed(digit, { x, y, degrees, scale }) {
  const angle = (degrees * Math.PI) / 180;
  const cos = Math.cos(angle) / scale;
  const sin = Math.sin(angle) / scale;
  const room = roomFor(scale);
  const scene = new Float32Array(CANVAS * CANVAS);
  for (let row = 0; row < CANVAS; row++) {
    for (let column = 0; column < CANVAS; column++) {
      const dx = column - (CANVAS - 1) / 2 - room * x;
      const dy = row - (CANVAS - 1) / 2 - room * y;
      // y points down, so counterclockwise as seen is clockwise in these coordinates; this is the inverse rotation
      scene[row * CANVAS + column] = bilinear(digit, cos * dx - sin * dy + (DIGIT - 1) / 2, sin * dx + cos * dy + (DIGIT - 1) / 2);
    }
  }
  return scene;
}

/** Return the digit's value between pixels; it is 0 outside. */
function bilinear(digit, x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = x - left;
  const v = y - top;
  const at = (column, row) => (column >= 0 && column < DIGIT && row >= 0 && row < DIGIT ? digit[row * DIGIT + column] : 0);
  const upper = (1 - u) * at(left, top) + u * at(left + 1, top);
  const lower = (1 - u) * at(left, top + 1) + u * at(left + 1, top + 1);
  return Math.min(1, (1 - v) * upper + v * lower);
}

/** Add pieces of other digits in place. Many are empty, as in training. */
function addClutter(scene, { pieces, seed }, others) {
  const random = generator(seed);
  for (let piece = 0; piece < pieces; piece++) {
    const source = others[below(others.length, random)];
    const [fromX, fromY] = [0, 0].map(() => below(DIGIT - PIECE + 1, random));
    const [toX, toY] = [0, 0].map(() => below(CANVAS - PIECE + 1, random));
    for (let row = 0; row < PIECE; row++) {
      for (let column = 0; column < PIECE; column++) {
        const place = (toY + row) * CANVAS + toX + column;
        scene[place] = Math.min(1, scene[place] + source[(fromY + row) * DIGIT + fromX + column]);
      }
    }
  }
}
