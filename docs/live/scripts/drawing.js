// Shows arrays and transforms.

const SVG = "http://www.w3.org/2000/svg";
const CORNERS = [[-1, -1], [1, -1], [1, 1], [-1, 1]];

/** Show values in [0, 1] on a canvas of their size; channels is 1 for gray, or 3. */
export function showPixels(canvas, values, channels = 1) {
  const { width, height } = canvas;
  const image = new ImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let color = 0; color < 3; color++) image.data[4 * place + color] = 255 * values[place * channels + (color % channels)];
    image.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d", { willReadFrequently: true }).putImageData(image, 0, 0); // kept in memory: pixels are only copied
}

/** Draw the outline of what an affine theta reads, in an image of side x side pixels. The thick side is the output's top. */
export function showRegion(svg, theta, side) {
  const corners = CORNERS.map((corner) => inputPixel(theta, corner, side));
  const [[x1, y1], [x2, y2]] = corners;
  svg.replaceChildren(
    shape("polygon", { points: corners.map((corner) => corner.join(",")).join(" ") }),
    shape("line", { x1, y1, x2, y2 }),
    shape("circle", { cx: x1, cy: y1, r: side / 40 }),
  );
}

/** Write the two rows of an affine theta into a table. */
export function showTheta(table, theta) {
  table.replaceChildren(
    ...[0, 3].map((start) => {
      const row = document.createElement("tr");
      for (const value of theta.slice(start, start + 3)) row.insertCell().textContent = signed(value);
      return row;
    }),
  );
}

function inputPixel([a, b, c, d, e, f], [x, y], side) {
  return [a * x + b * y + c, d * x + e * y + f].map((value) => ((value + 1) * (side - 1)) / 2);
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function signed(value) {
  return value.toFixed(3).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
}
