// The drawing area: strokes by mouse, finger or keyboard.

import { drawStrokes } from "./strokes.js";

const PEN = 20;
const STEP = 10; // pixels that an arrow key moves the pen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Sketchpad {
  /** canvas: where to draw. onChange(strokes): called after each change by the visitor. */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.strokes = [];
    this.pen = [canvas.width / 2, canvas.height / 4];
    this.down = false; // whether the keyboard's pen is lowered
    canvas.addEventListener("pointerdown", (event) => this.#start(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.#paint());
    this.#paint();
  }

  clear() {
    this.strokes = [];
    this.down = false;
    this.#paint();
  }

  #start(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.down = false;
    this.strokes.push([this.#position(event)]);
    this.#changed();
  }

  #move(event) {
    if (!this.canvas.hasPointerCapture(event.pointerId)) return;
    this.strokes.at(-1).push(this.#position(event));
    this.#changed();
  }

  #key(event) {
    if (event.key === " ") {
      this.down = !this.down;
      if (this.down) this.strokes.push([[...this.pen]]);
    } else if (event.key in ARROWS) {
      this.pen = this.pen.map((value, axis) => Math.min(Math.max(value + STEP * ARROWS[event.key][axis], 0), this.canvas.width));
      if (this.down) this.strokes.at(-1).push([...this.pen]);
    } else {
      return;
    }
    event.preventDefault(); // these keys would scroll the page
    this.#changed();
  }

  #position(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  #changed() {
    this.#paint();
    if (this.strokes.length > 0) this.onChange(this.strokes);
  }

  #paint() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.strokes.length === 0) this.#paintHint(context);
    drawStrokes(context, this.strokes, PEN);
    if (this.canvas.matches(":focus-visible")) this.#paintPen(context);
  }

  #paintHint(context) {
    context.fillStyle = "#8b93a0";
    context.font = "20px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("draw a digit here", this.canvas.width / 2, this.canvas.height / 2);
  }

  #paintPen(context) {
    context.beginPath();
    context.arc(...this.pen, PEN / 2, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = context.fillStyle = "#ff8c1a";
    context.stroke();
    if (this.down) context.fill();
  }
}
