// Images to warp, as SIDE x SIDE x 3 values in [0, 1].

export const SIDE = 160;

/** Return a picture that shows how an image is turned, mirrored and stretched: a colored grid with an F on it. */
export function chart() {
  return painted((context) => {
    const shades = context.createLinearGradient(0, 0, SIDE, SIDE);
    shades.addColorStop(0, "#17406d");
    shades.addColorStop(0.5, "#2f8f83");
    shades.addColorStop(1, "#e0b44c");
    context.fillStyle = shades;
    context.fillRect(0, 0, SIDE, SIDE);
    context.fillStyle = "rgb(255 255 255 / 35%)";
    for (let line = 0; line <= SIDE; line += 20) {
      context.fillRect(line - 0.5, 0, 1, SIDE);
      context.fillRect(0, line - 0.5, SIDE, 1);
    }
    // drawn with rectangles, since fonts differ from machine to machine
    context.fillStyle = "#fff";
    for (const bar of [[55, 35, 16, 90], [55, 35, 56, 16], [55, 70, 42, 16]]) context.fillRect(...bar);
    context.fillStyle = "#d8432f";
    context.fillRect(115, 115, 20, 20);
  });
}

/** Return the middle square of an image file; an Error says what is wrong with it. */
export async function ofFile(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name}: expected an image that this browser can open`);
  });
  const side = Math.min(bitmap.width, bitmap.height);
  const corner = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  return painted((context) => {
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, ...corner, side, side, 0, 0, SIDE, SIDE);
  });
}

/** Return gray pixels, side x side of them, as a picture. */
export function ofGray(values, side) {
  return painted((context) => {
    const image = new ImageData(side, side);
    values.forEach((value, place) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * place));
    const canvas = new OffscreenCanvas(side, side);
    canvas.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, SIDE, SIDE);
  });
}

function painted(paint) {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, SIDE, SIDE); // black behind transparent images
  paint(context);
  const bytes = context.getImageData(0, 0, SIDE, SIDE).data;
  return Float32Array.from({ length: 3 * SIDE * SIDE }, (_, place) => bytes[4 * Math.floor(place / 3) + (place % 3)] / 255);
}
