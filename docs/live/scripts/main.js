import { Reading } from "./reading.js";
import { loadModel, startRuntime } from "./runtime.js";
import { Warping } from "./warping.js";

const status = document.getElementById("status");

/** The parts of the page, once they are ready. */
export const page = start().catch(showProblem);

async function start() {
  const about = await (await fetch("digits.json")).json();
  await startRuntime();
  const [network, sampler] = await Promise.all(["digits.onnx", "warp.onnx"].map(loadModel));
  const reading = new Reading(network, about, showProblem);
  const warping = new Warping(sampler, reading, showProblem);
  reading.onScene = () => warping.sceneChanged();
  document.getElementById("about").textContent = description(about);
  status.textContent = "Ready.";
  return { reading, warping };
}

function showProblem(error) {
  status.className = "problem";
  status.textContent = `This does not work here: ${error.message}`;
  console.error(error);
}

function description({ parameters, training, test_digits: count, error_by_pieces: errors, scenes }) {
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const [none, ...more] = Object.entries(errors).map(([pieces, error]) => `${percent(error)} with ${pieces}`);
  return (
    `The network has ${parameters.toLocaleString("en")} parameters. It saw ${training.digits.toLocaleString("en")} digits, in a ` +
    `new scene in each of ${training.epochs} epochs, turned by up to ${scenes.degrees}°. Of ${count.toLocaleString("en")} test ` +
    `digits in such scenes it misreads ${none} pieces of clutter, and ${more.join(" and ")} pieces.`
  );
}
