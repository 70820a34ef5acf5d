import { showPixels } from "./drawing.js";
import { DIGIT } from "./scene.js";

/** Return the test digits of digits.json as {label, digit}, with values in [0, 1]. */
export function decoded(samples) {
  return samples.map(({ label, pixels }) => {
    const bytes = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
    return { label, digit: Float32Array.from(bytes, (byte) => byte / 255) };
  });
}

/** Add a button for each sample; onPick(sample) is called when one is pressed. Return choose(place), place -1 for none. */
export function addSamples(element, samples, onPick) {
  const buttons = samples.map(({ label, digit }, place) => {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = DIGIT;
    showPixels(canvas, digit);
    button.type = "button";
    button.ariaLabel = `A test digit: ${label}`;
    button.append(canvas);
    button.addEventListener("click", () => {
      choose(place);
      onPick(samples[place]);
    });
    return button;
  });
  const choose = (chosen) => buttons.forEach((button, place) => (button.ariaPressed = String(place === chosen)));
  element.append(...buttons);
  return choose;
}
