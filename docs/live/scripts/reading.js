// The first part of the page: a digit among clutter, and what the network makes of it.

import { Answer } from "./answer.js";
import { addSliders } from "./controls.js";
import { showPixels, showRegion, showTheta } from "./drawing.js";
import { latestOnly } from "./latest.js";
import { addSamples, decoded } from "./samples.js";
import { CANVAS, makeScene, roomFor } from "./scene.js";
import { Sketchpad } from "./sketchpad.js";
import { digitOf } from "./strokes.js";

const byId = (id) => document.getElementById(id);
const FIRST_SAMPLE = 4; // a 2

export class Reading {
  /** network: the model as a function. about: digits.json. onError(error): called on failures. */
  constructor(network, about, onError) {
    this.network = network;
    this.onScene = () => {}; // called when a scene was read
    this.samples = decoded(about.samples);
    this.others = this.samples.map((sample) => sample.digit);
    this.seed = 1;
    this.result = null; // {scene, theta, transformed, probabilities} that the page shows
    this.answer = new Answer(byId("answer"), byId("shares"));
    this.request = latestOnly(() => this.#read(), onError);
    this.placement = addSliders(byId("placement"), placementSliders(about.scenes), this.request);
    this.pad = new Sketchpad(byId("pad"), (strokes) => this.#use(digitOf(strokes), -1));
    this.choose = addSamples(byId("samples"), this.samples, (sample) => this.#pick(sample));
    this.#listen(about.scenes);
    this.#use(this.samples[FIRST_SAMPLE].digit, FIRST_SAMPLE);
  }

  #use(digit, sample) {
    this.digit = digit;
    this.choose(sample);
    this.request();
  }

  #pick(sample) {
    this.pad.clear();
    this.digit = sample.digit;
    this.request();
  }

  #listen(limits) {
    byId("clear").addEventListener("click", () => {
      this.pad.clear();
      this.#use(new Float32Array(this.digit.length), -1);
    });
    byId("new-clutter").addEventListener("click", () => {
      this.seed += 1;
      this.request();
    });
    byId("surprise").addEventListener("click", () => {
      Object.assign(this.placement, randomPlacement(limits));
      this.request();
    });
    const scene = byId("scene");
    scene.addEventListener("pointerdown", (event) => {
      scene.setPointerCapture(event.pointerId);
      this.grabbed = { at: event, x: this.placement.x, y: this.placement.y };
    });
    scene.addEventListener("pointermove", (event) => {
      if (scene.hasPointerCapture(event.pointerId)) this.#drag(event, scene.getBoundingClientRect());
    });
  }

  #drag(event, box) {
    const { at, x, y } = this.grabbed;
    const unit = (box.width / CANVAS) * roomFor(this.placement.scale); // pixels of the screen from the middle to the end
    this.placement.x = x + (event.clientX - at.clientX) / unit;
    this.placement.y = y + (event.clientY - at.clientY) / unit;
    this.request();
  }

  async #read() {
    const clutter = { pieces: this.placement.pieces, seed: this.seed };
    const scene = makeScene(this.digit, this.placement, clutter, this.others);
    const outputs = await this.network({ image: [scene, [CANVAS, CANVAS, 1]] });
    this.result = { scene, ...outputs };
    showPixels(byId("scene"), scene);
    showPixels(byId("view"), outputs.transformed);
    showRegion(byId("box"), outputs.theta, CANVAS);
    showTheta(byId("theta"), outputs.theta);
    this.answer.show([...outputs.probabilities]);
    this.onScene();
  }
}

function placementSliders({ degrees, scales, pieces }) {
  const side = { min: -1, max: 1, step: 0.01, show: (value) => value.toFixed(2).replace("-", "−") };
  const turn = { min: -degrees, max: degrees, step: 1, value: 15, show: (value) => `${value}°`.replace("-", "−") };
  const size = { min: scales[0], max: scales[1], step: 0.01, value: 1, show: (value) => `${Math.round(100 * value)}%` };
  return {
    x: { ...side, label: "Left to right", value: 0.4 },
    y: { ...side, label: "Top to bottom", value: -0.3 },
    degrees: { ...turn, label: "Rotation" },
    scale: { ...size, label: "Size" },
    pieces: { label: "Pieces of clutter", min: 0, max: pieces, step: 1, value: 6, show: String },
  };
}

function randomPlacement({ degrees, scales }) {
  const between = (low, high) => low + (high - low) * Math.random();
  return { x: between(-1, 1), y: between(-1, 1), degrees: between(-degrees, degrees), scale: between(...scales) };
}
