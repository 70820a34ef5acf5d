// Runs ONNX models with ONNX Runtime Web, which is vendored in ../runtime when the page is built.

import * as ort from "../runtime/ort.wasm.bundle.min.mjs";

const WASM = new URL("../runtime/ort.wasm.gzip", import.meta.url);

/** Prepare the runtime. It has one thread: more would need headers that plain web servers do not send. */
export async function startRuntime() {
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(await fetched(WASM));
}

/** Return a model as a function: from {name: [values, shape]} to {name: Float32Array}, for a batch of one image. */
export async function loadModel(url) {
  const content = new Uint8Array(await (await fetched(url)).arrayBuffer());
  const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  return async (inputs) => {
    const tensors = Object.entries(inputs).map(([name, [values, shape]]) => [name, new ort.Tensor("float32", values, [1, ...shape])]);
    const outputs = await session.run(Object.fromEntries(tensors));
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  };
}

async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response;
}

/** Return the content of a gzip file, which some servers unpack on their way. */
async function unpacked(response) {
  const content = await response.arrayBuffer();
  const [first, second] = new Uint8Array(content, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return content;
  return new Response(new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
