// The second part of the page: an image, sliders for theta, and the warped image.

import { addSliders } from "./controls.js";
import { showPixels, showRegion, showTheta } from "./drawing.js";
import { latestOnly } from "./latest.js";
import { chart, ofFile, ofGray, SIDE } from "./pictures.js";
import { CANVAS } from "./scene.js";

const byId = (id) => document.getElementById(id);
const IDENTITY = { scale: 1, degrees: 0, shear: 0, x: 0, y: 0 };

export class Warping {
  /** sampler: the warp as a function. reading: the first part, whose scene can be warped. onError(error): called on failures. */
  constructor(sampler, reading, onError) {
    this.sampler = sampler;
    this.reading = reading;
    this.image = chart();
    this.result = null; // {image, theta, out} that the page shows
    this.request = latestOnly(() => this.#warp(), onError);
    this.sliders = addSliders(byId("affine"), affineSliders(), this.request);
    byId("reset").addEventListener("click", () => {
      Object.assign(this.sliders, IDENTITY);
      this.request();
    });
    byId("pictures").addEventListener("change", () => this.#choose());
    byId("file").addEventListener("change", () => this.#open());
    this.request();
  }

  /** Follow the scene of the first part, if it is the image. */
  sceneChanged() {
    if (checkedPicture() === "scene") this.#use(ofGray(this.reading.result.scene, CANVAS));
  }

  #choose() {
    const source = checkedPicture();
    if (source === "chart") this.#use(chart());
    if (source === "scene") this.sceneChanged();
    if (source === "file") this.#open();
  }

  async #open() {
    const [file] = byId("file").files;
    if (!file) return byId("file").focus();
    const problem = byId("file-problem");
    problem.hidden = true;
    try {
      this.#use(await ofFile(file));
      document.querySelector("input[value=file]").checked = true;
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  #use(image) {
    this.image = image;
    this.request();
  }

  async #warp() {
    const { image } = this;
    const theta = affineTheta(this.sliders);
    const { out } = await this.sampler({ image: [image, [SIDE, SIDE, 3]], theta: [theta, [6]] });
    this.result = { image, theta, out };
    showPixels(byId("picture"), image, 3);
    showPixels(byId("warped"), out, 3);
    showRegion(byId("region"), theta, SIDE);
    showTheta(byId("chosen-theta"), theta);
  }
}

function checkedPicture() {
  return document.querySelector("input[name=picture]:checked").value;
}

/** Return theta: first scaled and sheared, then rotated, then shifted. */
function affineTheta({ scale, degrees, shear, x, y }) {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  return Float32Array.of(cos, shear * cos - sin, x, sin, shear * sin + cos, y);
}

function affineSliders() {
  const decimal = (value) => value.toFixed(2).replace("-", "−");
  const side = { min: -1, max: 1, step: 0.01, show: decimal };
  const options = {
    scale: { label: "Size of the region", min: 0.2, max: 2, step: 0.01, show: decimal },
    degrees: { label: "Rotation", min: -180, max: 180, step: 1, show: (value) => `${value}°`.replace("-", "−") },
    shear: { ...side, label: "Shear" },
    x: { ...side, label: "Shift to the right" },
    y: { ...side, label: "Shift down" },
  };
  return Object.fromEntries(Object.entries(options).map(([name, option]) => [name, { ...option, value: IDENTITY[name] }]));
}
